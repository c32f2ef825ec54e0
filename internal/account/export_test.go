package account

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

// HoldHashing takes all slots for hashes until release is called.
func (s *Service) HoldHashing() (release func()) {
	for range cap(s.passwords.slots) {
		s.passwords.slots <- struct{}{}
	}
	return func() {
		for range cap(s.passwords.slots) {
			<-s.passwords.slots
		}
	}
}
