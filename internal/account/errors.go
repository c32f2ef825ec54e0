package account

import (
	"fmt"
	"time"
)

// Code names a refusal for programs. Codes never change their meaning.
type Code string

// The codes of refusals. Those that other packages have too mean the same there.
const (
	CodeMissingFields      Code = "missing_fields"
	CodeInvalidField       Code = "invalid_field"
	CodeLimitExceeded      Code = "limit_exceeded"
	CodeLoginTaken         Code = "login_taken"
	CodeInvalidCredentials Code = "invalid_credentials"
	CodeAccountsOff        Code = "accounts_off"
	CodeRegistrationClosed Code = "registration_closed"
	CodeRefreshRefused     Code = "refresh_refused"
	CodeNotRevocable       Code = "token_not_revocable"
	CodeBusy               Code = "busy"
	CodeUserNotFound       Code = "user_not_found"
	CodeNameManaged        Code = "name_managed"
	CodeRequestNotFound    Code = "friend_request_not_found"
	CodeUserBlocked        Code = "user_blocked"
	CodeAPIKeyNotFound     Code = "api_key_not_found"
	CodeAPIKeyRefused      Code = "api_key_refused"
	CodeAddressNotBlocked  Code = "address_not_blocked"
)

// Codes returns all codes.
func Codes() []Code {
	return []Code{
		CodeMissingFields, CodeInvalidField, CodeLimitExceeded, CodeLoginTaken, CodeInvalidCredentials, CodeAccountsOff,
		CodeRegistrationClosed, CodeRefreshRefused, CodeNotRevocable, CodeBusy, CodeUserNotFound, CodeNameManaged,
		CodeRequestNotFound, CodeUserBlocked, CodeAPIKeyNotFound, CodeAPIKeyRefused, CodeAddressNotBlocked,
	}
}

// Error is a refusal of the [Service]: nothing was changed, and Message may be shown to the caller as it is.
type Error struct {
	Code    Code
	Message string
	// Field names the field at fault as it is called on the wire, if one is.
	Field string
	// Limit is the limit that was passed, 0 if none was.
	Limit int
	// RetryAfter is how long to wait before another attempt, 0 if that would not help.
	RetryAfter time.Duration
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s", e.Code, e.Message)
	if e.Field != "" {
		text += fmt.Sprintf(" (field %s)", e.Field)
	}
	return text
}

// Is makes errors.Is(err, ErrUserNotFound) hold for every error with that code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// The refusals without a variable part. Compare by errors.Is; do not change them.
var (
	ErrLoginTaken         = &Error{Code: CodeLoginTaken, Message: "Login name is taken", Field: "login"}
	ErrInvalidCredentials = &Error{Code: CodeInvalidCredentials, Message: "Invalid login or password"}
	ErrAccountsOff        = &Error{Code: CodeAccountsOff, Message: "This server has no accounts of its own"}
	ErrRegistrationClosed = &Error{Code: CodeRegistrationClosed, Message: "Registration is closed"}
	ErrRefreshRefused     = &Error{Code: CodeRefreshRefused, Message: "Please log in again"}
	ErrNotRevocable       = &Error{Code: CodeNotRevocable, Message: "The token has no id, only all tokens of its user can be revoked"}
	ErrUserNotFound       = &Error{Code: CodeUserNotFound, Message: "User not found", Field: "userId"}
	ErrNameManaged        = &Error{Code: CodeNameManaged, Message: "The name is kept by the application that you sign in with", Field: "username"}
	ErrRequestNotFound    = &Error{Code: CodeRequestNotFound, Message: "Friend request not found", Field: "userId"}
	ErrUserBlocked        = &Error{Code: CodeUserBlocked, Message: "You have blocked this user", Field: "userId"}
	ErrAPIKeyNotFound     = &Error{Code: CodeAPIKeyNotFound, Message: "API key not found", Field: "id"}
	ErrAddressNotBlocked  = &Error{Code: CodeAddressNotBlocked, Message: "Address is not blocked", Field: "address"}
	ErrAPIKeyRefused      = &Error{Code: CodeAPIKeyRefused, Message: "API key is not valid"}
)

func missing(field string) *Error {
	return &Error{Code: CodeMissingFields, Message: "Missing required fields", Field: field}
}

func invalid(field, why string) *Error {
	return &Error{Code: CodeInvalidField, Message: field + " " + why, Field: field}
}

func tooMuch(field string, limit int, unit string) *Error {
	return &Error{
		Code: CodeLimitExceeded, Message: fmt.Sprintf("%s must have at most %d %s", field, limit, unit), Field: field, Limit: limit,
	}
}

func tooMany(what string, limit int) *Error {
	return &Error{Code: CodeLimitExceeded, Message: fmt.Sprintf("There can be at most %d %s", limit, what), Limit: limit}
}
