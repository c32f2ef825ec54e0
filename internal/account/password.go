package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Limits of passwords, in bytes.
const (
	MinPasswordBytes = 8
	MaxPasswordBytes = 256
)

const (
	saltBytes = 16
	keyBytes  = 32
)

// Hashing is the cost of a password's hash (argon2id), and how many are made at a time: each takes MemoryKiB and a core.
type Hashing struct {
	MemoryKiB uint32
	Passes    uint32
	Lanes     uint8
	// AtOnce is how many hashes are made at a time. Further callers wait, for at most Wait, in turns that are fair by
	// address and by account.
	AtOnce int
	Wait   time.Duration
}

// The most that a stored hash may ask for, so that a damaged one does not take the machine.
const (
	maxMemoryKiB = 1 << 20
	maxPasses    = 32
	maxLanes     = 16
)

// DefaultHashing returns the defaults: 19 MiB, 2 passes, 1 lane; as many at a time as half of the processors, at least
// one, so that a flood of wrong passwords leaves the other half and the memory to the chat. The others wait for up to 3 s.
func DefaultHashing() Hashing {
	atOnce := max(1, runtime.GOMAXPROCS(0)/2)
	return Hashing{MemoryKiB: 19 << 10, Passes: 2, Lanes: 1, AtOnce: atOnce, Wait: 3 * time.Second}
}

// Validate reports the first setting that cannot be used.
func (h Hashing) Validate() error {
	switch {
	case h.Lanes < 1 || h.Lanes > maxLanes:
		return fmt.Errorf("account: hashing lanes must be 1 to %d, not %d", maxLanes, h.Lanes)
	case h.MemoryKiB < 8*uint32(h.Lanes) || h.MemoryKiB > maxMemoryKiB:
		return fmt.Errorf("account: hashing memory must be %d to %d KiB, not %d", 8*h.Lanes, maxMemoryKiB, h.MemoryKiB)
	case h.Passes < 1 || h.Passes > maxPasses:
		return fmt.Errorf("account: hashing passes must be 1 to %d, not %d", maxPasses, h.Passes)
	case h.AtOnce < 1:
		return fmt.Errorf("account: hashes at once must be at least 1, not %d", h.AtOnce)
	case h.Wait < 0:
		return fmt.Errorf("account: wait for hashing is %s, it cannot be negative", h.Wait)
	}
	return nil
}

// passwords makes and checks hashes. Safe for concurrent use.
type passwords struct {
	cost  Hashing
	turns *turns // one is held while a hash is made
	dummy phc    // what unknown users' passwords are compared with; no password has it
}

func newPasswords(cost Hashing) *passwords {
	p := &passwords{cost: cost, turns: newTurns(cost.AtOnce, maxWaiting)}
	p.dummy = p.fresh()
	p.dummy.key = make([]byte, keyBytes)
	_, _ = rand.Read(p.dummy.key)
	return p
}

// hash returns the text to store for a password.
func (p *passwords) hash(ctx context.Context, who asker, password string) (string, error) {
	h := p.fresh()
	key, err := p.derive(ctx, who, &h, password)
	if err != nil {
		return "", err
	}
	h.key = key
	return h.String(), nil
}

// matches tells whether the stored hash is that of the password. Without a stored hash it takes as long and says no.
func (p *passwords) matches(ctx context.Context, who asker, stored, password string) (bool, error) {
	h, known := p.dummy, stored != ""
	if known {
		var err error
		if h, err = parsePHC(stored); err != nil {
			return false, err
		}
	}
	key, err := p.derive(ctx, who, &h, password)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, h.key) == 1 && known, nil
}

// outdated tells whether a stored hash was made at another cost than new ones.
func (p *passwords) outdated(stored string) bool {
	h, err := parsePHC(stored)
	return err != nil || h.memory != p.cost.MemoryKiB || h.passes != p.cost.Passes || h.lanes != p.cost.Lanes
}

// derive waits for its turn. It refuses as busy when that does not come in time.
func (p *passwords) derive(ctx context.Context, who asker, h *phc, password string) ([]byte, error) {
	if err := p.turns.take(ctx, who, p.cost.Wait); err != nil {
		return nil, err
	}
	defer p.turns.give()
	return argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, keyBytes), nil
}

func (p *passwords) fresh() phc {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails: the runtime aborts the process when there is no randomness
	return phc{memory: p.cost.MemoryKiB, passes: p.cost.Passes, lanes: p.cost.Lanes, salt: salt}
}

// checkPassword accepts what a new password may be. Any bytes do: they are only ever hashed.
func checkPassword(field, password string) error {
	switch {
	case password == "":
		return refusal.Missing(field)
	case len(password) < MinPasswordBytes:
		e := refusal.Invalid(field, fmt.Sprintf("must have at least %d bytes", MinPasswordBytes))
		e.Limit = MinPasswordBytes
		return e
	case len(password) > MaxPasswordBytes:
		return refusal.TooMuch(field, MaxPasswordBytes, "bytes")
	case isCommon(password):
		return &refusal.Error{Code: CodeCommonPassword, Message: field + " is one that many people use, it would be guessed", Field: field}
	}
	return nil
}

// phc is a hash in the format of the password hashing competition: $argon2id$v=19$m=19456,t=2,p=1$SALT$KEY.
type phc struct {
	memory, passes uint32
	lanes          uint8
	salt, key      []byte
}

var phcEncoding = base64.RawStdEncoding.Strict()

func (h *phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.lanes,
		phcEncoding.EncodeToString(h.salt), phcEncoding.EncodeToString(h.key))
}

// ErrStoredHash is a stored password hash that cannot be read: a fault of the database.
var ErrStoredHash = errors.New("account: stored password hash is damaged")

// parsePHC reads what String wrote, and nothing that is written in another way.
func parsePHC(text string) (phc, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, ErrStoredHash
	}
	h, ok := parseCost(parts[3])
	if !ok {
		return phc{}, ErrStoredHash
	}
	var saltErr, keyErr error
	h.salt, saltErr = phcEncoding.DecodeString(parts[4])
	h.key, keyErr = phcEncoding.DecodeString(parts[5])
	if saltErr != nil || keyErr != nil || len(h.salt) != saltBytes || len(h.key) != keyBytes || h.String() != text {
		return phc{}, ErrStoredHash
	}
	return h, nil
}

func parseCost(text string) (h phc, ok bool) {
	memory, rest, ok1 := strings.Cut(text, ",")
	passes, lanes, ok2 := strings.Cut(rest, ",")
	if !ok1 || !ok2 {
		return phc{}, false
	}
	m, ok1 := parameter(memory, "m=", maxMemoryKiB)
	t, ok2 := parameter(passes, "t=", maxPasses)
	p, ok3 := parameter(lanes, "p=", maxLanes)
	if !ok1 || !ok2 || !ok3 || m < 8*p {
		return phc{}, false
	}
	return phc{memory: m, passes: t, lanes: uint8(p)}, true
}

// parameter reads a number from 1 to most.
func parameter(text, name string, most uint32) (uint32, bool) {
	digits, ok := strings.CutPrefix(text, name)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), err == nil && n >= 1 && uint32(n) <= most
}
