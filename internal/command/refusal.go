package command

import (
	"errors"
	"math"
	"slices"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// The codes of refusals that stand with no rules of their own.
const (
	CodeRateLimited        = "rate_limited"
	CodeUnauthenticated    = "authentication_failed"
	CodeTokenExpired       = "token_expired"
	CodeTokenRevoked       = "token_revoked"
	CodeDisconnected       = "disconnected"
	CodeIdle               = "idle"
	CodeServerAtCapacity   = "server_at_capacity"
	CodeTooManyConnections = "too_many_connections"
	CodeUnknownCommand     = "unknown_command"
	CodeTopicNotPermitted  = "topic_not_permitted"
)

// Refusal is an error as it travels.
type Refusal struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	Field      string `json:"field,omitempty"`
	Limit      int    `json:"limit,omitempty"`
	RetryAfter int    `json:"retryAfter,omitempty"` // seconds
	Event      string `json:"event,omitempty"`
}

// Codes are the codes that refusals may have.
func Codes() []string {
	codes := []string{
		CodeRateLimited, CodeUnauthenticated, CodeTokenExpired, CodeTokenRevoked, CodeDisconnected, CodeIdle, CodeServerAtCapacity, CodeTooManyConnections, CodeUnknownCommand,
		CodeTopicNotPermitted,
	}
	for _, code := range chat.Codes() {
		codes = append(codes, string(code))
	}
	for _, code := range account.Codes() {
		if name := string(code); !slices.Contains(codes, name) {
			codes = append(codes, name)
		}
	}
	return codes
}

// RefusalOf is the one map from errors to what clients see: the refusal in the chain of
// err, or else that the server is at fault.
func RefusalOf(err error, fault string) *Refusal {
	e := refusal.Public(err, fault)
	if errors.Is(err, account.ErrUnauthenticated) {
		e = &refusal.Error{Code: CodeUnauthenticated, Message: "Authentication failed"}
		if errors.Is(err, account.ErrAccountDisabled) {
			e = account.ErrAccountDisabled
		}
	}
	return &Refusal{
		Code: string(e.Code), Message: e.Message, Field: e.Field, Limit: e.Limit, RetryAfter: int(math.Ceil(e.RetryAfter.Seconds())),
	}
}
