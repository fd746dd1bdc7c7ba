/* filter.c - the seccomp program of apps, made from seccomp.def. */
#include "actors/sandbox/filter.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/prctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "bus/owned.h"

#define CLONE_NEWTIME_BIT 0x80          /* linux/sched.h, which does not mix with sched.h */

enum { COMPARED_MAX = 3 };

struct row {
    const char *call;
    uint32_t action;
    unsigned count;
    struct scmp_arg_cmp compared[COMPARED_MAX];
};

/* clang-format off */
static const struct row rows[] = {
#define ALLOW(call) {#call, SCMP_ACT_ALLOW, 0, {{0}}},
#define ALLOW_IS(call, arg, value) \
    {#call, SCMP_ACT_ALLOW, 1, {{arg, SCMP_CMP_EQ, (uint32_t)(value), 0}}},
#define ALLOW_IS_BOTH(call, arg, value, other, wanted) \
    {#call, SCMP_ACT_ALLOW, 2, {{arg, SCMP_CMP_EQ, (uint32_t)(value), 0}, \
        {other, SCMP_CMP_EQ, (uint32_t)(wanted), 0}}},
#define ALLOW_MASKED(call, arg, mask, value) \
    {#call, SCMP_ACT_ALLOW, 1, {{arg, SCMP_CMP_MASKED_EQ, (uint32_t)(mask), value}}},
#define ALLOW_SOCKET(domain, type, protocol) \
    {"socket", SCMP_ACT_ALLOW, 3, {{0, SCMP_CMP_EQ, domain, 0}, \
        {1, SCMP_CMP_MASKED_EQ, ~(uint64_t)(SOCK_CLOEXEC | SOCK_NONBLOCK), type}, \
        {2, SCMP_CMP_EQ, protocol, 0}}},
#define REFUSED(error) ((error) == EPERM ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(error))
#define REFUSE(call, error) {#call, REFUSED(error), 0, {{0}}},
#define REFUSE_MASKED(call, arg, mask, value) \
    {#call, SCMP_ACT_NOTIFY, 1, {{arg, SCMP_CMP_MASKED_EQ, (uint32_t)(mask), value}}},
#define REFUSE_SOCKET(domain) {"socket", SCMP_ACT_NOTIFY, 1, {{0, SCMP_CMP_EQ, domain, 0}}},
#define REFUSE_SOCKET_TYPE(domain, type) \
    {"socket", SCMP_ACT_NOTIFY, 2, {{0, SCMP_CMP_EQ, domain, 0}, \
        {1, SCMP_CMP_MASKED_EQ, ~(uint64_t)(SOCK_CLOEXEC | SOCK_NONBLOCK), type}}},
#include "actors/sandbox/seccomp.def"
};
/* clang-format on */

/* A name this machine's kind of processor does not have is passed over; one that libseccomp
 * has never heard of too: it then gets ENOSYS like everything without a row. */
static bool add_row(scmp_filter_ctx context, const struct row *row, struct fault *fault)
{
    int number = seccomp_syscall_resolve_name(row->call);

    if (number < 0)
        return true;
    int failed = seccomp_rule_add_array(context, row->action, number, row->count, row->compared);
    if (failed && failed != -EACCES)        /* the same as the default action */
        return fault_set(fault, FAULT_internal, "seccomp row '%s': %s", row->call,
                         strerror(-failed));
    return true;
}

static bool fill(scmp_filter_ctx context, struct fault *fault)
{
    /* Foreign architectures and x32 are answered, not killed; a balanced tree instead of
     * a list of 300 comparisons before each call. */
    if (seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)) < 0 ||
        seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2) < 0)
        return fault_set(fault, FAULT_internal, "seccomp attributes were refused");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!add_row(context, &rows[i], fault))
            return false;
    return true;
}

static bool export_sealed(scmp_filter_ctx context, int *out, struct fault *fault)
{
    OWNED(fd) int fd = memfd_create("isekai-seccomp", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return fault_set(fault, FAULT_internal, "memfd_create: %s", strerror(errno));
    int failed = seccomp_export_bpf(context, fd);
    if (failed)
        return fault_set(fault, FAULT_internal, "seccomp export: %s", strerror(-failed));
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        return fault_set(fault, FAULT_internal, "seal the filter: %s", strerror(errno));
    *out = fd_take(&fd);
    return true;
}

const char *filter_refused_name(uint32_t call)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].action == SCMP_ACT_NOTIFY &&
            seccomp_syscall_resolve_name(rows[i].call) == (int)call)
            return rows[i].call;
    return NULL;
}

bool filter_make(int *out, struct fault *fault)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));

    if (!context)
        return fault_set(fault, FAULT_internal, "seccomp_init: no memory");
    bool made = fill(context, fault) && export_sealed(context, out, fault);
    seccomp_release(context);
    return made;
}
