#pragma once

// Linux system calls that neither Glibc's module map nor plain Swift can reach.

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

// Declared by glibc only under _GNU_SOURCE, which would also turn `sockaddr` arguments into unions that Swift cannot
// pass; so each one needed is declared here.
extern int accept4(int descriptor, struct sockaddr *address, socklen_t *length, int flags);
extern int pipe2(int descriptors[2], int flags);
extern pid_t gettid(void);
extern int pthread_setname_np(pthread_t thread, const char *name);

/// A number no other living thread has, read from the thread register.
///
/// Volatile, because glibc marks pthread_self() const and the optimiser then keeps one thread's answer across a point
/// where a Swift function moves to another thread.
static inline uintptr_t maos_thread_identity(void) {
    uintptr_t identity;
#if defined(__x86_64__)
    __asm__ volatile("mov %%fs:0, %0" : "=r"(identity));
#elif defined(__aarch64__)
    __asm__ volatile("mrs %0, tpidr_el0" : "=r"(identity));
#else
    identity = (uintptr_t)gettid();
#endif
    return identity;
}

// Macros and variadic functions as functions.

static inline int maos_wait_exited(int status) { return WIFEXITED(status); }
static inline int maos_wait_exit_code(int status) { return WEXITSTATUS(status); }
static inline int maos_wait_signalled(int status) { return WIFSIGNALED(status); }
static inline int maos_wait_signal(int status) { return WTERMSIG(status); }
static inline int maos_prctl(int option, unsigned long argument) { return prctl(option, argument, 0UL, 0UL, 0UL); }

#include "process.h"
