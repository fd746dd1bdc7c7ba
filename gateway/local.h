/* local.h - the answers that are written here; each is of a LOCAL or PIECES row of routes.def. */
#ifndef ISEKAI_GATEWAY_LOCAL_H
#define ISEKAI_GATEWAY_LOCAL_H

#include "gateway/routes.h"

#define PIECES(verb, path, method, rate, function, types, query, doc) send_pieces function;
#define LOCAL(verb, path, function, doc) local_answer function;
#include "gateway/routes.def"

#endif
