/* refusals.c - system calls refused by name, answered and counted; see refusals.h. */
#include "actors/sandbox/init/refusals.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

union handed_over { struct cmsghdr align; char octets[CMSG_SPACE(sizeof(int))]; };

bool refusals_install(const struct sock_fprog *program, int pair)
{
    char nothing = 0;
    struct iovec piece = {&nothing, sizeof nothing};
    union handed_over control = {.octets = {0}};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.octets,
                             .msg_controllen = sizeof control.octets};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                SECCOMP_FILTER_FLAG_NEW_LISTENER, program);

    if (listener < 0)
        return false;
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof listener);
    memcpy(CMSG_DATA(head), &listener, sizeof listener);
    bool sent = sendmsg(pair, &message, MSG_NOSIGNAL) == 1;
    (void) close(listener);
    return sent;
}

int refusals_receive(int pair)
{
    char nothing;
    struct iovec piece = {&nothing, sizeof nothing};
    union handed_over control;
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.octets,
                             .msg_controllen = sizeof control.octets};
    int listener = -1;

    if (recvmsg(pair, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1)
        return -1;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof listener))
        memcpy(&listener, CMSG_DATA(head), sizeof listener);
    else
        errno = EPROTO;
    return listener;
}

/* The kernel may know longer structs than our headers: room for what is to come. */
union question { struct seccomp_notif is; char room[512]; };
union answer { struct seccomp_notif_resp is; char room[256]; };

static void drop(struct refusals *self)
{
    (void) close(self->listener);
    self->listener = -1;
}

bool refusals_handle(struct refusals *self)
{
    union question question;
    union answer answer;

    memset(&question, 0, sizeof question);
    if (ioctl(self->listener, SECCOMP_IOCTL_NOTIF_RECV, &question) < 0) {
        bool caller_is_gone = errno == ENOENT || errno == EINTR;
        if (!caller_is_gone)
            drop(self);
        return caller_is_gone;
    }
    if (question.is.data.nr >= 0 && question.is.data.nr < REFUSALS_CALLS &&
        self->counts[question.is.data.nr] < UINT32_MAX) {
        self->counts[question.is.data.nr]++;
        self->changed = true;
    }
    memset(&answer, 0, sizeof answer);
    answer.is.id = question.is.id;
    answer.is.error = -EPERM;
    (void) ioctl(self->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);  /* it may be gone meanwhile */
    return true;
}

void refusals_report(struct refusals *self, void (*report)(uint32_t call, uint32_t count))
{
    for (uint32_t call = 0; self->changed && call < REFUSALS_CALLS; call++) {
        if (self->counts[call] == self->told[call])
            continue;
        self->told[call] = self->counts[call];
        report(call, self->counts[call]);
    }
    self->changed = false;
}
