package roll

import (
	"encoding/json"
	"errors"
	"fmt"
)

// rowsAtOnce is how many rows a frame has at most.
const rowsAtOnce = 500

// frame is what a node tells. Each says how far its part is: N frames with changes, this one
// included.
type frame[V any] struct {
	Run int64  `json:"r"`
	N   uint64 `json:"n"`

	// Changes, or in a snapshot rows.
	Set  []row[V] `json:"s,omitempty"`
	Gone []row[V] `json:"g,omitempty"`

	// Of a snapshot: which of how many, from 1.
	Piece  int `json:"p,omitempty"`
	Pieces int `json:"o,omitempty"`

	Asks   *asked `json:"a,omitempty"` // for a snapshot
	Greets bool   `json:"h,omitempty"` // asks how far the others are
}

type row[V any] struct {
	Key   string `json:"k"`
	Value V      `json:"v"`
}

// asked is of whom a snapshot is asked for.
type asked struct {
	Node string `json:"n"`
	Run  int64  `json:"r"`
}

func (f *frame[V]) add(key string, c change[V]) {
	if c.gone {
		f.Gone = append(f.Gone, row[V]{key, c.value})
	} else {
		f.Set = append(f.Set, row[V]{key, c.value})
	}
}

// snapshot is all rows, in at least one piece.
func snapshot[V any](run int64, n uint64, rows map[string]V) []*frame[V] {
	pieces := max(1, (len(rows)+rowsAtOnce-1)/rowsAtOnce)
	all := make([]*frame[V], pieces)
	for i := range all {
		all[i] = &frame[V]{Run: run, N: n, Piece: i + 1, Pieces: pieces}
	}
	i := 0
	for key, value := range rows {
		f := all[i/rowsAtOnce]
		f.Set = append(f.Set, row[V]{key, value})
		i++
	}
	return all
}

func (f *frame[V]) encode() ([]byte, error) { return json.Marshal(f) }

// decode reads a frame. What is in it is as another node of the cluster has written it.
func decode[V any](body []byte) (*frame[V], error) {
	f := new(frame[V])
	if err := json.Unmarshal(body, f); err != nil {
		return nil, fmt.Errorf("roll: %w", err)
	}
	if f.Pieces < 0 || f.Piece < 0 || f.Piece > f.Pieces || f.Pieces > 0 && f.Piece == 0 {
		return nil, errors.New("roll: a piece that cannot be")
	}
	return f, nil
}

// changes tells whether the frame is one with changes.
func (f *frame[V]) changes() bool { return f.Pieces == 0 && len(f.Set)+len(f.Gone) > 0 }
