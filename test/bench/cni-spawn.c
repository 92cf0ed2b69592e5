/* Times CNI plugins as whole processes, from posix_spawn to wait4.
 * cni-spawn sequence COUNT PLUGIN CONFIG         ADD and DEL in turn; "ADD microseconds cpu rss-kb" a call
 * cni-spawn parallel COUNT PLUGIN CONFIG PREFIX  COUNT at once, container i in namespace PREFIXi; one line a command
 * The environment has the CNI_* variables except CNI_COMMAND. GAP_US: pause after each call. */
#define _GNU_SOURCE
#include <fcntl.h>
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

static void sequence(int count, char **argv)
{
    const char *commands[] = {"ADD", "DEL"};
    const char *gap = getenv("GAP_US");
    for (int i = 0; i < count * 2; i++) {
        struct rusage usage;
        double began = now();
        finish(start(commands[i % 2], argv[3], argv[4]), &usage);
        double ended = now();
        printf("%s %.1f %.1f %ld\n", commands[i % 2], ended - began,
               microseconds(usage.ru_utime) + microseconds(usage.ru_stime), usage.ru_maxrss);
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
