// Package doctor looks at a server from outside: its settings, its data folder, its machine and what it needs to reach. It
// says what it finds and what to do about it, and changes nothing.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/machine"
)

// Level is how bad something is.
type Level string

// Levels. A note asks for nothing; a warning will be a trouble some day, or to somebody; with a trouble the server does not
// start, or loses data, or lets in whom it should not.
const (
	Fine    Level = "fine"
	Note    Level = "note"
	Warning Level = "warning"
	Trouble Level = "trouble"
)

// Finding is what a check has found.
type Finding struct {
	Check string `json:"check"`
	Level Level  `json:"level"`
	Found string `json:"found"`
	Do    string `json:"do,omitempty"` // what the operator should do; not of what is fine
}

// Patient is a server, which may run or not. All fields are needed but where something else is said.
type Patient struct {
	Config   config.Config // finished
	Environ  []string      // of the server, name=value
	Machine  Machine
	Running  bool // a server has the data folder
	Database Database
	// Remote is the database where the settings name one; nil where they do not, and everything is in the data folder.
	Remote Remote
	// Redis is what carries news between servers where the settings name one; nil where they do not.
	Redis Redis
	Now   time.Time
}

// Machine is what there is for the server.
type Machine struct {
	Disk        machine.Disk // of the data folder
	DiskKnown   bool
	OpenFiles   int    // the limit of descriptors; 0 is none, or not known
	Memory      uint64 // bytes that the process may have, by its cgroup or of the machine; 0 is not known
	ClockSynced bool
	ClockKnown  bool
}

// Database is what can be looked at of the database; the driver's, so that another one can be looked at the same way.
type Database interface {
	// Examine reads all of the database of a data folder. Its error is what is wrong with it; it wraps ErrDamaged and
	// ErrNewer where it is that.
	Examine(ctx context.Context, dir string) (State, error)
}

// What can be wrong with a database.
var (
	ErrDamaged    = errors.New("what is stored cannot be trusted")
	ErrNewer      = errors.New("this version cannot work with it")
	ErrUnfinished = errors.New("it is being filled")
)

// State is what a database says of itself.
type State struct {
	Schema, Newest int64     // the version of its schema, and the newest that the program knows
	Size, Log      int64     // bytes of the file, and of the log beside it
	Latest         time.Time // of what was stored last; zero if nothing was
}

// Remote is a database behind a server of its own.
type Remote interface {
	// Examine looks at it. Its error is why no server could work with it; it wraps ErrNewer and ErrUnfinished where it is
	// that.
	Examine(ctx context.Context) (Condition, error)
}

// Redis is a server that carries news between servers of one database, and keeps nothing.
type Redis interface {
	// Probe connects, publishes and listens. Its error says what to do where that is known.
	Probe(ctx context.Context) error
}

// Condition is what a remote database and its server say of themselves.
type Condition struct {
	Schema, Newest int64     // as of a State; 0 without one
	Latest         time.Time // as of a State
	Secret         error     // why the secret of tokens that the settings give, or not, is not that of the database; nil if it is

	Connections, Used int  // that programs may have at a time, and those of now
	Needed            int  // by a server
	Private           bool // nobody on the way can read what is sent
	Standbys          int  // that copy the database, and for which no commit waits
	FullPageWrites    bool
	ClockOff          time.Duration // how far its clock is ahead of this machine's, at least
}

// check is one of the things that are looked at. One that finds nothing is fine.
type check struct {
	name string
	run  func(ctx context.Context, p *Patient, found *findings)
}

// checks are all of them, in the order in which they are told: what comes first may be the cause of what comes later.
var checks = []check{
	{"settings", checkSettings},
	{"variables", checkVariables},
	{"exposure", checkExposure},
	{"folder", checkFolder},
	{"restore", checkRestore},
	{"secret", checkSecret},
	{"database", checkDatabase},
	{"redis", checkRedis},
	{"disk", checkDisk},
	{"files on disk", checkInodes},
	{"clock", checkClock},
	{"descriptors", checkDescriptors},
	{"memory", checkMemory},
	{"certificate", checkCertificate},
	{"issuers", checkIssuers},
	{"authority", checkAuthority},
	{"address", checkAddress},
}

// Examine carries out all checks. There is at least one finding of each.
func Examine(ctx context.Context, p *Patient) []Finding {
	var all []Finding
	for _, c := range checks {
		found := findings{check: c.name}
		c.run(ctx, p, &found)
		if len(found.all) == 0 {
			found.add(Fine, "", "ok")
		}
		all = append(all, found.all...)
	}
	return all
}

// Unreadable is the finding of settings that cannot be read at all, which makes all other checks meaningless.
func Unreadable(err error) Finding {
	return Finding{
		"settings", Trouble, err.Error(),
		"Correct it: the server does not start with it. `sockeye serve --help` lists all settings with what they may be.",
	}
}

// Worst is the highest level of some findings.
func Worst(all []Finding) Level {
	rank := map[Level]int{Fine: 0, Note: 1, Warning: 2, Trouble: 3}
	worst := Fine
	for i := range all {
		if rank[all[i].Level] > rank[worst] {
			worst = all[i].Level
		}
	}
	return worst
}

// findings are of one check.
type findings struct {
	check string
	all   []Finding
}

func (f *findings) add(level Level, do, format string, args ...any) {
	f.all = append(f.all, Finding{f.check, level, fmt.Sprintf(format, args...), do})
}

func (f *findings) note(do, format string, args ...any)    { f.add(Note, do, format, args...) }
func (f *findings) warn(do, format string, args ...any)    { f.add(Warning, do, format, args...) }
func (f *findings) trouble(do, format string, args ...any) { f.add(Trouble, do, format, args...) }
