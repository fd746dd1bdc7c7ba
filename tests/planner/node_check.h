/* node_check.h - whether Node.js takes the JavaScript of an app, file by file. */
#ifndef ISEKAI_TESTS_PLANNER_NODE_CHECK_H
#define ISEKAI_TESTS_PLANNER_NODE_CHECK_H

#include "schemas/message.h"

/* Runs `node --check` on every .js file; files under public/ are modules. Skips the test when there
 * is no node. Fails it on the first file that node refuses. */
void node_check(struct files files);
bool node_is_there(void);

#endif
