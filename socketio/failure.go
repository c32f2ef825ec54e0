package socketio

import "errors"

// AckError is an error of an event handler or filter that its client may read. A
// client that waits for an acknowledgement when they fail gets one argument,
//
//	{"error": {"message": "…", "data": …}}
//
// without data if there is none. Message and data are those of the AckError that
// the first error is or wraps. An *ArgumentError, which is about what the client
// has sent, is told by its text. Of any other error, and of a panic, the client
// learns only that there was one: "Internal server error".
type AckError struct {
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func (e *AckError) Error() string { return e.Message }

// refusal is the argument that the acknowledgement of a failed event carries.
type refusal struct {
	Error *AckError `json:"error"`
}

// refuse acknowledges an event that could not be handled, if that is wanted.
func (e *Event) refuse(err error) {
	if !e.WantsAck() {
		return
	}
	_ = e.Ack(refusal{told(err)}) // to a client that is gone, or data that cannot be encoded
	if e.WantsAck() {
		_ = e.Ack(refusal{&AckError{Message: internalError}})
	}
}

func told(err error) *AckError {
	var known *AckError
	var argument *ArgumentError
	switch {
	case errors.Is(err, ErrPanic):
	case errors.As(err, &known):
		return known
	case errors.As(err, &argument):
		return &AckError{Message: argument.Error()}
	}
	return &AckError{Message: internalError}
}
