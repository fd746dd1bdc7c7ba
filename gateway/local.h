/* local.h - the answers that need no actor; each is a LOCAL row of routes.def. */
#ifndef ISEKAI_GATEWAY_LOCAL_H
#define ISEKAI_GATEWAY_LOCAL_H

#include "gateway/routes.h"

#define ROUTE(...)
#define LOCAL(verb, path, function, doc) local_answer function;
#include "gateway/routes.def"

#endif
