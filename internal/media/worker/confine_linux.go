package worker

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attributes has a process get no signals that are for the server, such as those of a terminal.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// confine has this process be one that can read what is open, compute and write what is open, and has it be the first to go where memory
// runs out. Limits must hold; what else there is, it returns: an old kernel, or a container, may have none of it.
func confine(t Task) (by []string, err error) {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // where there is no /proc, it is one of many
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 10)                  // the chat goes first
	if err := limit(t); err != nil {
		return nil, err
	}
	if landlock() == nil {
		by = append(by, "landlock")
	}
	if seccomp() == nil {
		by = append(by, "seccomp")
	}
	return by, nil
}

// limit sets limits below which this process stays, or dies.
func limit(t Task) error {
	mapped, err := addressSpace()
	if err != nil {
		return err
	}
	seconds := uint64(max((t.CPU+time.Second-1)/time.Second, 1))
	for _, l := range []struct {
		name     string
		resource int
		most     uint64
	}{
		// The runtime reserves addresses that it does not use, more than a gigabyte.
		{"memory", unix.RLIMIT_AS, mapped + uint64(max(t.Memory, 0))},
		{"processor", unix.RLIMIT_CPU, seconds},
		{"size of files", unix.RLIMIT_FSIZE, 0},
		{"open files", unix.RLIMIT_NOFILE, 16},
		{"core", unix.RLIMIT_CORE, 0},
	} {
		var now unix.Rlimit
		if err := unix.Getrlimit(l.resource, &now); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		most := min(l.most, now.Max)
		if err := unix.Setrlimit(l.resource, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return nil
}

// addressSpace is how many bytes of it this process has.
func addressSpace() (uint64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	pages, _, _ := strings.Cut(string(text), " ")
	n, err := strconv.ParseUint(pages, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/proc/self/statm: %w", err)
	}
	return n * uint64(os.Getpagesize()), nil //nolint:gosec // it is not negative
}

// landlock takes all rights to files and TCP away that the kernel knows, see landlock(7). Each thread has to do so, and the runtime can
// have them do it only in a program without C.
func landlock() error {
	abi, _, failed := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if failed != 0 {
		return failed
	}
	// Each version has added rights; the first one has 13.
	rights := uint64(1<<13 - 1)
	attr := struct{ files, net, scoped uint64 }{}
	size := unsafe.Sizeof(attr.files)
	if abi >= 2 {
		rights |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		rights |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 {
		attr.net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		size += unsafe.Sizeof(attr.net)
	}
	if abi >= 5 {
		rights |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		attr.scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
		// Each thread is a domain of its own. Before erratum 2 of landlock was mended these could not signal each other then, and the
		// runtime would wait for ever for that.
		mended, _, failed := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_ERRATA)
		if failed == 0 && mended&(1<<1) != 0 {
			attr.scoped |= unix.LANDLOCK_SCOPE_SIGNAL
		}
		size += unsafe.Sizeof(attr.scoped)
	}
	attr.files = rights
	rules, _, failed := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0) //nolint:gosec // the kernel reads it
	if failed != 0 {
		return failed
	}
	defer func() { _ = unix.Close(int(rules)) }() //nolint:gosec // a descriptor
	if _, _, failed := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); failed != 0 {
		return failed
	}
	if _, _, failed := syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, rules, 0, 0); failed != 0 {
		return failed
	}
	return nil
}

// seccomp has the kernel refuse to all threads what only somebody else would ask for: to open files and connections, to run programs,
// to look into other processes. See seccomp(2).
func seccomp() error {
	if auditArch == 0 {
		return errors.New("it is not known which system calls there are on this machine")
	}
	filter := seccompFilter()
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]} //nolint:gosec // there are fewer than 100
	runtime.LockOSThread()                                                  // which may use the filter for all
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	not, _, failed := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program))) //nolint:gosec // the kernel reads it
	runtime.KeepAlive(filter)
	if failed != 0 {
		return failed
	}
	if not != 0 {
		return fmt.Errorf("thread %d has another filter", not)
	}
	return nil
}

// seccompFilter is a program for the kernel, which is asked for each system call: those of another machine end the process, those that
// are denied fail by EPERM, and all others are as before.
func seccompFilter() []unix.SockFilter {
	const (
		load        = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal       = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		notLess     = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		answer      = unix.BPF_RET | unix.BPF_K
		number      = 0 // where it is in struct seccomp_data, and below it the machine
		machine     = 4
		otherTables = 0x40000000 // on amd64: numbers of x32
		first       = 16         // the lower half of the first argument, whose least significant byte comes first
		has         = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	)
	allow := unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW}
	deny := unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)}
	filter := []unix.SockFilter{
		{Code: load, K: machine},
		{Code: equal, Jt: 1, K: auditArch},
		{Code: answer, K: unix.SECCOMP_RET_KILL_PROCESS},
		{Code: load, K: number},
		{Code: notLess, Jf: 1, K: otherTables},
		deny,
	}
	for _, call := range denied {
		filter = append(filter, unix.SockFilter{Code: equal, Jf: 1, K: call}, deny)
	}
	return append(filter,
		// Threads are made, and no processes.
		unix.SockFilter{Code: equal, Jf: 4, K: unix.SYS_CLONE},
		unix.SockFilter{Code: load, K: first},
		unix.SockFilter{Code: has, Jf: 1, K: unix.CLONE_THREAD},
		allow, deny,
		// The runtime signals its own threads.
		unix.SockFilter{Code: equal, Jf: 4, K: unix.SYS_TGKILL},
		unix.SockFilter{Code: load, K: first},
		unix.SockFilter{Code: equal, Jf: 1, K: uint32(os.Getpid())}, //nolint:gosec // it is not negative
		allow, deny,
		// Its flags are in memory, where no filter can look: whoever asks takes the older call then.
		unix.SockFilter{Code: equal, Jf: 1, K: unix.SYS_CLONE3},
		unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		allow)
}

// deniedEverywhere are the system calls of all machines that are denied. What is denied by its arguments is in seccompFilter.
var deniedEverywhere = []uint32{
	unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_EXECVE, unix.SYS_EXECVEAT,
	unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT4, unix.SYS_SENDTO,
	unix.SYS_SENDMSG, unix.SYS_RECVMSG,
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD, unix.SYS_KILL,
	unix.SYS_UNLINKAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_SYMLINKAT, unix.SYS_MKDIRAT, unix.SYS_MKNODAT, unix.SYS_FCHMODAT,
	unix.SYS_FCHOWNAT, unix.SYS_TRUNCATE, unix.SYS_MOUNT, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_CHROOT,
	unix.SYS_BPF, unix.SYS_IO_URING_SETUP, unix.SYS_USERFAULTFD, unix.SYS_PERF_EVENT_OPEN, unix.SYS_KEYCTL, unix.SYS_ADD_KEY,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_KEXEC_LOAD,
	unix.SYS_TKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_PRLIMIT64,
	unix.SYS_SETPRIORITY, unix.SYS_SCHED_SETAFFINITY, unix.SYS_FCHMOD, unix.SYS_FCHOWN,
}
