package account

import (
	"net/netip"
	"sync"
)

// ReadHash reads a stored password hash and writes it again.
func ReadHash(text string) (string, error) {
	h, err := parsePHC(text)
	if err != nil {
		return "", err
	}
	return h.String(), nil
}

// Rules are the rules of what stands between two users, by their names.
var Rules = map[string]func(Pair) (Pair, []PairEvent, error){
	"request": request, "accept": accept, "decline": decline, "remove": remove, "block": block, "unblock": unblock,
}

// HoldHashing takes all turns to hash until release is called, once or more.
func (s *Service) HoldHashing() (release func()) {
	t := s.passwords.turns
	t.mu.Lock()
	defer t.mu.Unlock()
	held := t.free
	t.free = 0
	return sync.OnceFunc(func() {
		for range held {
			t.give()
		}
	})
}

// MaxWaiting is how many may wait for their turn to hash.
const MaxWaiting = maxWaiting

// HashingWaits is how many wait for their turn to hash.
func (s *Service) HashingWaits() int {
	t := s.passwords.turns
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.known.waiting) + len(t.strangers.waiting)
}

// Turns opens the order of turns to tests. All are taken at first.
type Turns struct {
	t     *turns
	names map[*waiter]string
	known map[[2]string]bool
}

// NewTurns makes one at which so many may wait.
func NewTurns(most int) *Turns {
	return &Turns{newTurns(0, most), make(map[*waiter]string), make(map[[2]string]bool)}
}

// Ask has somebody wait, whom the tests call by a name.
func (t *Turns) Ask(name, from, account string) {
	t.names[t.t.enter(asker{netip.MustParseAddr(from), account, t.known[[2]string{from, account}]})] = name
}

// Know has those be known who ask from an address for an account.
func (t *Turns) Know(from, account string) { t.known[[2]string{from, account}] = true }

// Leave has somebody give up.
func (t *Turns) Leave(name string) {
	for w, called := range t.names {
		if called == name {
			t.t.leave(w)
			delete(t.names, w)
		}
	}
}

// Next gives a turn and returns who has it; empty for nobody.
func (t *Turns) Next() string {
	t.t.give()
	for w, name := range t.names {
		if w.turn {
			delete(t.names, w)
			return name
		}
	}
	return ""
}

// Refused returns those who were called without a turn.
func (t *Turns) Refused() (names []string) {
	for w, name := range t.names {
		if w.index < 0 && !w.turn {
			names = append(names, name)
		}
	}
	return names
}

// Clocks is how many addresses, accounts and pairs are kept.
func (t *Turns) Clocks() int { return len(t.t.known.clocks) + len(t.t.strangers.clocks) }

// IsCommon tells whether a password is in the list.
func IsCommon(password string) bool { return isCommon(password) }
