/* host_switches.h - what an operator may turn on where a host lets ordinary users build no cage.
 *
 * Gives:    a command to type as root, or what to look for; static.
 */
#ifndef ISEKAI_SANDBOX_HOST_SWITCHES_H
#define ISEKAI_SANDBOX_HOST_SWITCHES_H

const char *host_switches_what_to_do(void);
const char *host_switches_found(void);      /* the command alone; NULL: none is needed */

#endif
