#pragma once

// Starting child processes. Included by shim.h, after the system's headers.

#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <termios.h>
#include <unistd.h>

// Declared by glibc only under _GNU_SOURCE; see shim.h.
extern int clone(int (*body)(void *), void *stack, int flags, void *argument, ...);
extern pid_t wait4(pid_t child, int *status, int options, struct rusage *usage);
extern void *memmem(const void *bytes, size_t count, const void *wanted, size_t wanted_count);

#define MAOS_CLONE_VM 0x00000100
#define MAOS_CLONE_PIDFD 0x00001000
#define MAOS_CLONE_VFORK 0x00004000
#define MAOS_TERMINAL_UTF8 0040000
/// What posix_spawnattr_setflags takes for a session of its own.
#define MAOS_SPAWN_SETSID 0x80

/// Which step of a start failed.
enum maos_spawn_step {
    MAOS_SPAWN_CLONE = 1,
    MAOS_SPAWN_SESSION,
    MAOS_SPAWN_GROUP,
    MAOS_SPAWN_DESCRIPTORS,
    MAOS_SPAWN_TERMINAL,
    MAOS_SPAWN_LIMITS,
    MAOS_SPAWN_DIRECTORY,
    MAOS_SPAWN_EXEC,
};

/// A limit of the child, as setrlimit takes it.
struct maos_spawn_limit {
    int resource;
    uint64_t value;
    uint64_t ceiling;
};

/// What to start, and what came of it.
struct maos_spawn {
    /// Paths to try in turn, ended by NULL.
    char *const *programs;
    /// Ended by NULL.
    char *const *arguments;
    /// Room for the arguments and one more, for a script without an interpreter line; filled by the child.
    char **shell_arguments;
    size_t argument_count;
    /// Ended by NULL.
    char *const *environment;
    /// NULL leaves it as it is.
    const char *directory;
    /// Descriptors that become 0, 1 and 2.
    int input;
    int output;
    int error;
    /// Whether descriptor 0 becomes the controlling terminal.
    int has_terminal;
    /// An open `cgroup.procs`, or -1.
    int control_group;
    const struct maos_spawn_limit *limits;
    size_t limit_count;
    pid_t parent;

    /// The result: the child and a descriptor for it, or an errno value and the step that failed.
    pid_t child;
    int descriptor;
    int failure;
    int step;
};

/// Records a failure where the parent sees it, and ends the child.
static inline void maos_spawn_fail(struct maos_spawn *request, int step) {
    request->failure = errno != 0 ? errno : EINVAL;
    request->step = step;
    _exit(127);
}

/// Moves a descriptor out of the way of 0, 1 and 2.
static inline int maos_spawn_raise(struct maos_spawn *request, int descriptor) {
    if (descriptor > 2) return descriptor;
    int raised = fcntl(descriptor, F_DUPFD, 3);
    if (raised < 0) maos_spawn_fail(request, MAOS_SPAWN_DESCRIPTORS);
    return raised;
}

/// Looks for the program as execvp does, but with the child's own search path.
static inline void maos_spawn_exec(struct maos_spawn *request) {
    int denied = 0;
    for (char *const *program = request->programs; *program != NULL; program++) {
        execve(*program, request->arguments, request->environment);
        if (errno == ENOEXEC) {
            request->shell_arguments[0] = (char *)"/bin/sh";
            request->shell_arguments[1] = *program;
            for (size_t index = 1; index <= request->argument_count; index++)
                request->shell_arguments[index + 1] = request->arguments[index];
            execve("/bin/sh", request->shell_arguments, request->environment);
        }
        switch (errno) {
        case EACCES:
            denied = 1;
            break;
        case ENOENT:
        case ENOTDIR:
        case ENODEV:
        case ESTALE:
        case ETIMEDOUT:
            break;
        default:
            maos_spawn_fail(request, MAOS_SPAWN_EXEC);
        }
    }
    errno = denied ? EACCES : ENOENT;
    maos_spawn_fail(request, MAOS_SPAWN_EXEC);
}

/// The child's life before exec. It shares the parent's memory, so it only makes system calls and allocates nothing.
static inline int maos_spawn_child(void *argument) {
    struct maos_spawn *request = argument;

    // No handler of the parent's may run here, and what it ignores the new program must not. All zeroes is the default, in
    // whatever form the kernel has it; glibc's function leaves two signals out.
    unsigned long standard[8] = {0};
    for (int number = 1; number < 65; number++) syscall(SYS_rt_sigaction, number, standard, NULL, 8UL);

    // The signal comes when the thread that started the child ends, so that thread lives as long as the server.
    prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL);
    if (getppid() != request->parent) _exit(127);

    errno = 0;
    if (setsid() < 0) maos_spawn_fail(request, MAOS_SPAWN_SESSION);
    if (request->control_group >= 0 && write(request->control_group, "0", 1) != 1)
        maos_spawn_fail(request, MAOS_SPAWN_GROUP);

    int input = maos_spawn_raise(request, request->input);
    int output = maos_spawn_raise(request, request->output);
    int error = maos_spawn_raise(request, request->error);
    if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(error, 2) < 0)
        maos_spawn_fail(request, MAOS_SPAWN_DESCRIPTORS);
    if (syscall(SYS_close_range, 3U, ~0U, 0U) != 0)
        for (int number = 3; number < 65536; number++) close(number);
    if (request->has_terminal && ioctl(0, TIOCSCTTY, 0) != 0) maos_spawn_fail(request, MAOS_SPAWN_TERMINAL);

    for (size_t index = 0; index < request->limit_count; index++) {
        const struct maos_spawn_limit *wanted = &request->limits[index];
        struct rlimit limit;
        if (getrlimit(wanted->resource, &limit) != 0) maos_spawn_fail(request, MAOS_SPAWN_LIMITS);
        if (limit.rlim_max > wanted->ceiling) limit.rlim_max = wanted->ceiling;
        limit.rlim_cur = wanted->value < limit.rlim_max ? wanted->value : limit.rlim_max;
        if (setrlimit(wanted->resource, &limit) != 0) maos_spawn_fail(request, MAOS_SPAWN_LIMITS);
    }
    if (request->directory != NULL && chdir(request->directory) != 0)
        maos_spawn_fail(request, MAOS_SPAWN_DIRECTORY);

    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    maos_spawn_exec(request);
    return 127;
}

/// Starts a program in a session of its own, and returns when it runs or has failed to.
///
/// The child borrows the parent's memory until it calls exec, so that the cost does not grow with the size of the
/// parent, and a failure is seen without a pipe. A child that failed has been waited for.
static inline void maos_spawn_run(struct maos_spawn *request) {
    char stack[32768] __attribute__((aligned(64)));
    sigset_t all, previous;
    request->parent = getpid();
    request->child = -1;
    request->descriptor = -1;
    request->failure = 0;
    request->step = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    int descriptor = -1;
    pid_t child = clone(
        maos_spawn_child, stack + sizeof stack, MAOS_CLONE_VM | MAOS_CLONE_VFORK | MAOS_CLONE_PIDFD | SIGCHLD, request,
        &descriptor);
    int code = errno;
    pthread_sigmask(SIG_SETMASK, &previous, NULL);

    if (child < 0) {
        request->failure = code;
        request->step = MAOS_SPAWN_CLONE;
        return;
    }
    if (request->failure != 0) {
        int status;
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
        close(descriptor);
        return;
    }
    request->child = child;
    request->descriptor = descriptor;
}

/// Opens a pseudo-terminal; both ends are closed on exec, the primary one does not wait.
///
/// Returns 0, or an errno value.
static inline int maos_terminal_open(int *primary, int *secondary, int columns, int rows, int echo) {
    int unlocked = 0;
    int outer = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (outer < 0) return errno;
    int inner = -1;
    if (ioctl(outer, TIOCSPTLCK, &unlocked) == 0)
        inner = ioctl(outer, TIOCGPTPEER, (unsigned long)(O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (inner < 0) {
        int code = errno;
        close(outer);
        return code;
    }
    struct winsize size;
    memset(&size, 0, sizeof size);
    size.ws_col = (unsigned short)columns;
    size.ws_row = (unsigned short)rows;
    ioctl(outer, TIOCSWINSZ, &size);
    struct termios settings;
    if (tcgetattr(inner, &settings) == 0) {
        settings.c_iflag |= MAOS_TERMINAL_UTF8;
        if (!echo) {
            // Lines of any length go through, and what is printed comes as it is.
            settings.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL | ICANON);
            settings.c_oflag &= ~(tcflag_t)OPOST;
            settings.c_cc[VMIN] = 1;
            settings.c_cc[VTIME] = 0;
        }
        tcsetattr(inner, TCSANOW, &settings);
    }
    *primary = outer;
    *secondary = inner;
    return 0;
}

/// Tells a pseudo-terminal's programs its size; returns 0, or an errno value.
static inline int maos_terminal_resize(int primary, int columns, int rows) {
    struct winsize size;
    memset(&size, 0, sizeof size);
    size.ws_col = (unsigned short)columns;
    size.ws_row = (unsigned short)rows;
    return ioctl(primary, TIOCSWINSZ, &size) == 0 ? 0 : errno;
}

/// Takes an ended child off the kernel's list, with what it used.
///
/// Returns its id, 0 while it runs, or a negative errno value.
static inline int maos_wait(pid_t child, int *status, struct rusage *usage) {
    pid_t result;
    do result = wait4(child, status, WNOHANG, usage);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

/// Opens a descriptor for a process: readable once it has ended, and never another process.
///
/// Returns it, or -1 with errno set.
static inline int maos_process_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0U); }

/// Signals the process of such a descriptor; returns 0, or -1 with errno set.
static inline int maos_process_signal(int descriptor, int number) {
    return (int)syscall(SYS_pidfd_send_signal, descriptor, number, NULL, 0U);
}
