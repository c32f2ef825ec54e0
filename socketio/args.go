package socketio

import (
	"fmt"
	"strconv"
)

// Args are the arguments of a received event or acknowledgement.
type Args []Value

// ArgumentError says which argument could not be decoded.
type ArgumentError struct {
	Index int // from 0, the event's name not counted
	Err   error
}

func (e *ArgumentError) Error() string {
	return "argument " + strconv.Itoa(e.Index) + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *ArgumentError) Unwrap() error { return e.Err }

// Decode stores the first arguments in what dst point to, in order. Missing
// arguments leave their destination as it is, as undefined would in
// JavaScript; surplus ones are ignored. It fails with an *ArgumentError.
func (a Args) Decode(dst ...any) error {
	for i := range min(len(dst), len(a)) {
		if err := a[i].Decode(dst[i]); err != nil {
			return &ArgumentError{i, err}
		}
	}
	return nil
}

// Values are the arguments in a form that can be emitted again.
func (a Args) Values() []any {
	values := make([]any, len(a))
	for i := range a {
		values[i] = a[i]
	}
	return values
}

// ArgsOf makes arguments of values, as they arrive where they were sent to: a Cluster
// hands on by it what another server has sent in a form of its own.
func ArgsOf(values ...any) (Args, error) {
	encoded, err := JSON{}.Encode(&Packet{Type: PacketAck, Namespace: "/", AckID: new(uint64), Args: values})
	if err != nil {
		return nil, err
	}
	var p Received
	decoder := JSON{}.NewDecoder()
	for _, m := range encoded {
		if p, _, err = decoder.Add(m.Binary(), m.Data()); err != nil {
			return nil, err
		}
	}
	return p.Body.Elements()
}

// splitEvent takes the body of an Event apart.
func splitEvent(body Value) (name string, args Args, err error) {
	elements, err := body.Elements()
	if err != nil {
		return "", nil, err
	}
	if len(elements) == 0 {
		return "", nil, fmt.Errorf("%w: event without a name", ErrMalformed)
	}
	if name, err = eventName(elements[0]); err != nil {
		return "", nil, err
	}
	return name, elements[1:], nil
}

// eventName is a string, or a number, which the protocol allows too.
func eventName(v Value) (string, error) {
	name, ok := text(v)
	if ok && reserved(name) {
		return "", fmt.Errorf("%w: %w", ErrMalformed, ErrReservedEvent)
	}
	if ok {
		return name, nil
	}
	var number *float64
	if err := v.Decode(&number); err != nil || number == nil {
		return "", fmt.Errorf("%w: event name", ErrMalformed)
	}
	return strconv.FormatFloat(*number, 'f', -1, 64), nil
}

// text reads a string; not ok when v is none.
func text(v Value) (s string, ok bool) {
	if v, ok := v.(*jsonValue); ok {
		if s, ok := v.plain(); ok {
			return s, true
		}
	}
	var p *string // stays nil for null
	if err := v.Decode(&p); err != nil || p == nil {
		return "", false
	}
	return *p, true
}
