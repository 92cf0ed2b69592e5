/* Times CNI plugins as whole processes, from posix_spawn to wait4.
 * cni-spawn sequence COUNT PLUGIN CONFIG         ADD and DEL in turn; "ADD microseconds cpu rss-kb" a call
 * cni-spawn parallel COUNT PLUGIN CONFIG PREFIX  COUNT at once, container i in namespace PREFIXi; one line a command
 * The environment has the CNI_* variables except CNI_COMMAND. GAP_US: pause after each call. NEW_NAMESPACES: of a sequence each container
 * has one of its own that forwards, as a pod's does on a node, and not that of CNI_NETNS. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static double microseconds(struct timeval t) { return t.tv_sec * 1e6 + t.tv_usec; }

static pid_t start(const char *command, char *plugin, const char *config)
{
    pid_t pid;
    char *args[] = {plugin, NULL};
    posix_spawn_file_actions_t actions;
    setenv("CNI_COMMAND", command, 1);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, config, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (posix_spawn(&pid, plugin, &actions, NULL, args, environ) != 0)
        _exit(3);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static void finish(pid_t pid, struct rusage *usage)
{
    int status;
    if (wait4(pid, &status, 0, usage) < 0 || status != 0) {
        fprintf(stderr, "a plugin failed with status %d\n", status);
        exit(1);
    }
}

/* A process in a network namespace of its own, which CNI_NETNS names then. */
static pid_t new_namespace(void)
{
    char ready, path[64];
    int ends[2];
    if (pipe(ends) < 0)
        _exit(3);
    pid_t pid = fork();
    if (pid == 0) {
        int forwarding = unshare(CLONE_NEWNET) < 0 ? -1 : open("/proc/sys/net/ipv4/ip_forward", O_WRONLY);
        if (forwarding < 0 || write(forwarding, "1", 1) != 1 || write(ends[1], "", 1) != 1)
            _exit(3);
        for (;;)
            pause();
    }
    close(ends[1]);
    if (read(ends[0], &ready, 1) != 1)
        _exit(3);
    close(ends[0]);
    snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
    setenv("CNI_NETNS", path, 1);
    return pid;
}

static void sequence(int count, char **argv)
{
    const char *commands[] = {"ADD", "DEL"};
    const char *gap = getenv("GAP_US");
    pid_t holder = 0;
    for (int i = 0; i < count * 2; i++) {
        struct rusage usage;
        if (i % 2 == 0 && getenv("NEW_NAMESPACES"))
            holder = new_namespace();
        double began = now();
        finish(start(commands[i % 2], argv[3], argv[4]), &usage);
        double ended = now();
        printf("%s %.1f %.1f %ld\n", commands[i % 2], ended - began,
               microseconds(usage.ru_utime) + microseconds(usage.ru_stime), usage.ru_maxrss);
        if (i % 2 == 1 && holder) {
            kill(holder, SIGKILL);
            waitpid(holder, NULL, 0);
        }
        if (gap)
            usleep(atoi(gap));
    }
}

static void parallel(int count, char **argv, const char *command)
{
    pid_t pids[count];
    char name[300], netns[300];
    double began = now();
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "container%d", i);
        snprintf(netns, sizeof(netns), "%s%d", argv[5], i);
        setenv("CNI_CONTAINERID", name, 1);
        setenv("CNI_NETNS", netns, 1);
        pids[i] = start(command, argv[3], argv[4]);
    }
    double cpu = 0;
    for (int i = 0; i < count; i++) {
        struct rusage usage;
        finish(pids[i], &usage);
        cpu += microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
    }
    printf("%s %.1f %.1f 0\n", command, now() - began, cpu);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "sequence") == 0) {
        sequence(atoi(argv[2]), argv);
    } else if (argc == 6 && strcmp(argv[1], "parallel") == 0) {
        parallel(atoi(argv[2]), argv, "ADD");
        parallel(atoi(argv[2]), argv, "DEL");
    } else {
        fprintf(stderr, "usage: see the head of cni-spawn.c\n");
        return 2;
    }
    return 0;
}
