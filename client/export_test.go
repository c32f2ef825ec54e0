package client

import (
	"encoding/json"
	"reflect"
)

// KnowsEvent tells whether there is a type for an event, which must go by that
// name.
func KnowsEvent(name string) bool {
	e := newEvent(name)
	return e != nil && e.name() == name
}

// EventType is the type for an event; nil if there is none.
func EventType(name string) reflect.Type {
	if e := newEvent(name); e != nil {
		return reflect.TypeOf(e).Elem()
	}
	return nil
}

// ParseFrames reads a frame in both protocols, as far as a client would.
func ParseFrames(frame []byte) {
	for _, p := range []protocol{socketIO{}, native{}} {
		in, err := p.parse(frame)
		if err != nil {
			continue
		}
		switch in.kind {
		case event:
			_, _ = decodeEvent(in.name, in.payload)
		case refused:
			_ = readError(in.payload)
		}
	}
}

// DecodeEvent reads an event and its place.
func DecodeEvent(name string, payload []byte) (e Event, conversation string, seq int64, err error) {
	if e, err = decodeEvent(name, json.RawMessage(payload)); err == nil {
		conversation, seq, _ = placeOf(e)
	}
	return e, conversation, seq, err
}

// ReadToken, ReadLines and ReadLogin are decoders.
var (
	ReadToken = func(token string) (userID string) { return readToken(token).userID }
	ReadLines = readLines
	ReadLogin = readLogin
)

// SetUserID says whose client it is, as a sign-in does.
func (c *Client) SetUserID(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.userID = id
}
