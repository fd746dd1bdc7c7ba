/* cage_state.h - the life of one cage, as a table.
 *
 *   STARTING --answered--> RUNNING --stop--> STOPPING --late--> KILLING
 *       |                     |                  |                 |
 *       |---stop--> STOPPING  |                  |                 |
 *       |---late--> KILLING   |                  |                 |
 *       +---------------------+------gone--------+-----------------+--> CLEARING --empty--> GONE
 *
 *   answered  the app answered HTTP
 *   stop      somebody or a timer wants it to end: SIGTERM
 *   late      it had its time to start or to stop: SIGKILL to everything
 *   gone      bubblewrap has ended
 *   empty     its cgroup holds nobody and could be removed
 *
 * Any thread; constant.
 */
#ifndef ISEKAI_SANDBOX_CAGE_STATE_H
#define ISEKAI_SANDBOX_CAGE_STATE_H

enum cage_state {
    CAGE_STARTING, CAGE_RUNNING, CAGE_STOPPING, CAGE_KILLING, CAGE_CLEARING, CAGE_GONE,
    CAGE_STATES
};
enum cage_event { CAGE_ANSWERED, CAGE_STOP, CAGE_LATE, CAGE_ENDED, CAGE_EMPTY, CAGE_EVENTS };

/* Where `on` leads from `from`. A pair that is not in the table is a defect of ours: it asserts. */
enum cage_state cage_state_after(enum cage_state from, enum cage_event on);

#endif
