// Package refusal has the errors that clients are told: why nothing was done. The
// rules make them, each edge writes them once in its protocol, and whatever else goes
// wrong is a fault of the server, of which clients learn no more than that.
package refusal

import (
	"errors"
	"fmt"
	"time"
)

// Code names a refusal for programs. Codes never change their meaning.
type Code string

// The codes that rules of all kinds have; others stand with their rules. Internal and
// Unavailable are the only ones that are not the caller's: a fault of the server, and
// what passes by itself.
const (
	Internal      Code = "internal"
	Unavailable   Code = "unavailable"
	MissingFields Code = "missing_fields"
	InvalidField  Code = "invalid_field"
	LimitExceeded Code = "limit_exceeded"
)

// Error is a refusal: nothing was changed, and Message may be shown to the caller as
// it is.
type Error struct {
	Code    Code
	Message string
	// Field names the field at fault as it is called on the wire, if one is.
	Field string
	// Limit is the limit that was passed, 0 if none was.
	Limit int
	// RetryAfter is how long to wait before another attempt, 0 if that would not help.
	RetryAfter time.Duration

	cause error
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s", e.Code, e.Message)
	if e.Field != "" {
		text += fmt.Sprintf(" (field %s)", e.Field)
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Is makes errors.Is hold between all errors of one code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Unwrap returns the fault behind an internal error, for logs.
func (e *Error) Unwrap() error { return e.cause }

// In is the same refusal about a certain field.
func (e *Error) In(field string) *Error {
	named := *e
	named.Field = field
	return &named
}

// Of returns the refusal in the chain of err; nil if there is none.
func Of(err error) *Error {
	var e *Error
	errors.As(err, &e)
	return e
}

// Public returns what a caller may be told about err: the refusal in its chain,
// or else an internal error with the message fault (such as "Failed to send
// message"), which still wraps err for the log. It returns nil for nil.
func Public(err error, fault string) *Error {
	if err == nil {
		return nil
	}
	if e := Of(err); e != nil {
		return e
	}
	return &Error{Code: Internal, Message: fault, cause: err}
}

// Missing refuses a command without a field that it needs; "" names none.
func Missing(field string) *Error {
	return &Error{Code: MissingFields, Message: "Missing required fields", Field: field}
}

// Invalid refuses what a field has. The message is the field's name and why.
func Invalid(field, why string) *Error {
	return &Error{Code: InvalidField, Message: field + " " + why, Field: field}
}

// TooMuch refuses a field that has more than limit units.
func TooMuch(field string, limit int, unit string) *Error {
	return Beyond(field, limit, fmt.Sprintf("must have at most %d %s", limit, unit))
}

// Beyond refuses what passes a limit. The message is the field's name and what it
// must be.
func Beyond(field string, limit int, must string) *Error {
	return &Error{Code: LimitExceeded, Message: field + " " + must, Field: field, Limit: limit}
}
