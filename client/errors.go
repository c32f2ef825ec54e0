package client

import (
	"errors"
	"fmt"
	"time"
)

// Errors that are not the server's.
var (
	// ErrClosed says that Close was called.
	ErrClosed = errors.New("client: closed")
	// ErrStopped says that the server does not want the client back. What it wraps says why.
	ErrStopped = errors.New("client: stopped")
	// ErrConnectionLost says that the connection was lost before the answer came. Whether
	// the command was carried out is not known.
	ErrConnectionLost = errors.New("client: connection lost before the answer")
	// ErrQueueFull says that Config.QueueLimit are waiting already.
	ErrQueueFull = errors.New("client: too much is waiting to be sent")
	// ErrTooLarge says that a command is larger than any server takes: it would end the
	// connection. It is not sent.
	ErrTooLarge = errors.New("client: too large to be sent")
	// ErrUserChanged says that the token source has given a token for another user. The
	// client stops: what it has queued is not that user's.
	ErrUserChanged = errors.New("client: the token is for another user")
)

// Error is a refusal of the server's. docs/protocol.md lists the codes.
type Error struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	Field      string `json:"field,omitempty"`      // at fault
	Limit      int    `json:"limit,omitempty"`      // that was passed
	RetryAfter int    `json:"retryAfter,omitempty"` // seconds
	Event      string `json:"event,omitempty"`      // the command that failed, in an error event
}

func (e *Error) Error() string {
	if e.RetryAfter > 0 {
		return fmt.Sprintf("%s (%s), again after %d s", e.Message, e.Code, e.RetryAfter)
	}
	return fmt.Sprintf("%s (%s)", e.Message, e.Code)
}

// The codes that the client itself acts on.
const (
	codeUnauthenticated = "authentication_failed"
	codeTokenExpired    = "token_expired"
	codeTokenRevoked    = "token_revoked"
	codeAccountDisabled = "account_disabled"
	codeDisconnected    = "disconnected"
	codeRateLimited     = "rate_limited"
	codeBusy            = "busy"
	codeInternal        = "internal"
	codeUnavailable     = "unavailable"
)

// Code is the code of the server's refusal in err; empty if there is none.
func Code(err error) string {
	var refusal *Error
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return ""
}

// passing tells that the same command may succeed later, and how much later at the
// earliest.
func passing(err error) (after time.Duration, ok bool) {
	var refusal *Error
	if !errors.As(err, &refusal) {
		return 0, false
	}
	switch refusal.Code {
	case codeRateLimited, codeBusy, codeInternal, codeUnavailable:
		return time.Duration(refusal.RetryAfter) * time.Second, true
	}
	return 0, false
}
