/* old_kernel.c: old_kernel ABI COMMAND ...: runs a command that believes in a kernel with this version of Landlock: a
 * version says the number instead of the kernel's own, 0 has no Landlock, -1 has it switched off. Exit code 77: cannot be
 * played here. */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int install(unsigned answer, unsigned flags) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 444, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, answer),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog filter = {sizeof code / sizeof *code, code};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
}

int main(int argc, char **argv) {
  int version = argc > 2 ? atoi(argv[1]) : 0, status = 0;
  if (argc < 3) return 1;
  if (version <= 0) {
    if (install(SECCOMP_RET_ERRNO | (version ? EOPNOTSUPP : ENOSYS), 0) < 0) return 77;
    execvp(argv[2], argv + 2);
    return 77;
  }
  int listener = install(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
  if (listener < 0) return 77;
  pid_t child = fork();
  if (child == 0) {
    close(listener);
    execvp(argv[2], argv + 2);
    _exit(77);
  }
  while (waitpid(child, &status, WNOHANG) == 0) {
    struct seccomp_notif request = {0};
    if (poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, 5) <= 0) continue;
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) continue;
    struct seccomp_notif_resp answer = {.id = request.id, .val = version};
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
