package rows

import (
	"encoding/json"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/broadcast"
)

// Broadcast reads a broadcast, and further columns into more: id, kind, key, priority, spec, time of creation, when it is due, state,
// step, place, recipients reached, recipients missed, failures, error, when it began and when it ended.
func Broadcast(row Row, more ...any) (b broadcast.Broadcast, err error) {
	var spec []byte
	var place, failures string
	var createdAt, sendAt, startedAt, endedAt int64
	err = row.Scan(append([]any{
		&b.ID, (*string)(&b.Kind), &b.Key, (*int)(&b.Priority), &spec, &createdAt, &sendAt, (*string)(&b.State), &b.Step, &place, &b.Reached,
		&b.Missed, &failures, &b.Error, &startedAt, &endedAt,
	}, more...)...)
	if err != nil {
		return b, err
	}
	b.CreatedAt, b.SendAt, b.StartedAt, b.EndedAt = Instant(createdAt), Instant(sendAt), InstantOrZero(startedAt), InstantOrZero(endedAt)
	if err := json.Unmarshal(spec, &b.Spec); err != nil {
		return b, fmt.Errorf("spec of broadcast %s: %w", b.ID, err)
	}
	if err := json.Unmarshal([]byte(place), &b.Place); err != nil {
		return b, fmt.Errorf("place of broadcast %s: %w", b.ID, err)
	}
	if failures != "" {
		if err := json.Unmarshal([]byte(failures), &b.Failures); err != nil {
			return b, fmt.Errorf("failures of broadcast %s: %w", b.ID, err)
		}
	}
	return b, nil
}

// OneBroadcast reads a broadcast, or says that there is none.
func OneBroadcast(row Row, more ...any) (broadcast.Broadcast, error) {
	b, err := Broadcast(row, more...)
	found, err := Found(err)
	switch {
	case err != nil:
		return broadcast.Broadcast{}, err
	case !found:
		return broadcast.Broadcast{}, broadcast.ErrNotFound
	}
	return b, nil
}

// BroadcastAs reads the broadcast that has a key, with its fingerprint behind it, for who comes with another one: which must be the
// same.
func BroadcastAs(row Row, fingerprint []byte) (broadcast.Broadcast, error) {
	var stored []byte
	b, err := OneBroadcast(row, &stored)
	if err == nil && string(stored) != string(fingerprint) {
		return broadcast.Broadcast{}, broadcast.ErrKeyReused
	}
	return b, err
}

// BroadcastSpec is how a spec is stored.
func BroadcastSpec(b *broadcast.Broadcast) ([]byte, error) {
	spec, err := json.Marshal(b.Spec)
	if err != nil {
		return nil, fmt.Errorf("encode the spec of a broadcast: %w", err)
	}
	return spec, nil
}

// BroadcastProgress is how place and failures are stored.
func BroadcastProgress(p *broadcast.Progress) (place, failures string, err error) {
	text, err := json.Marshal(p.Place)
	if err != nil {
		return "", "", fmt.Errorf("encode the place of a broadcast: %w", err)
	}
	place = string(text)
	if len(p.Failures) == 0 {
		return place, "", nil
	}
	if text, err = json.Marshal(p.Failures); err != nil {
		return "", "", fmt.Errorf("encode the failures of a broadcast: %w", err)
	}
	return place, string(text), nil
}
