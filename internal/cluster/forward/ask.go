package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// questionPath is where a node is asked what concerns nodes alone.
const questionPath = "/ask"

// answerMost is how long an answer to a question is at most.
const answerMost = 64 << 20

// Other is another node that lives.
type Other struct{ peer *peer }

// Others are the nodes that live; first the one whose sessions have the tag with which an id begins, if it is among them.
// Where a node has come a moment ago it waits, no longer than ctx lasts, until it is known how to find that.
func (f *Forwarder) Others(ctx context.Context, id string) (all []Other) {
	for f.peers.awaited() && sleep(ctx, firstPause) {
	}
	var first *peer
	if len(id) >= tagLength {
		first = f.peers.tagged(id[:tagLength])
	}
	if first != nil {
		all = append(all, Other{first})
	}
	for _, p := range *f.peers.tags.Load() {
		if p != first {
			all = append(all, Other{p})
		}
	}
	return all
}

// Has tells whether the ids of the node begin as this one does.
func (o Other) Has(id string) bool { return len(id) >= tagLength && o.peer.at.Tag == id[:tagLength] }

// errUnanswered is a node that does not know what it is asked, such as one of another version.
var errUnanswered = errors.New("forward: the node does not answer such questions")

// Ask asks the node, whose Deps.Questions answers. The question must not be longer than 64 KiB, the answer not than 64 MiB. A
// node that does not know this one yet is asked again until it does, no longer than ctx lasts.
func (o Other) Ask(ctx context.Context, question []byte) (answer []byte, err error) {
	life := o.peer.lives()
	if life.Err() != nil {
		return nil, errors.New("forward: the node has gone")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	o.peer.acquaint(ctx)
	said, err := patiently(ctx, o.peer.forwarder.cfg.ConnectTimeout, func() bool { return true }, func() (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+o.peer.at.Address+questionPath, bytes.NewReader(question))
		if err != nil {
			return nil, err
		}
		return o.peer.shared.RoundTrip(r)
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = said.Body.Close() }()
	if said.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %s", errUnanswered, said.Status)
	}
	answer, err = io.ReadAll(io.LimitReader(said.Body, answerMost+1))
	if err == nil && len(answer) > answerMost {
		err = errors.New("forward: the answer is too long")
	}
	return answer, err
}

// answerQuestion answers what another node asks.
func (f *Forwarder) answerQuestion(w http.ResponseWriter, r *http.Request) {
	question, err := io.ReadAll(io.LimitReader(r.Body, shortBody))
	var answer []byte
	if err == nil && f.deps.Questions != nil {
		answer = f.deps.Questions(r.Context(), question)
	}
	if answer == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer) // it fails where the other node has gone
}
