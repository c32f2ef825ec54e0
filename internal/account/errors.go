package account

import (
	"errors"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// The codes of refusals.
const (
	CodeLoginTaken         refusal.Code = "login_taken"
	CodeInvalidCredentials refusal.Code = "invalid_credentials"
	CodeAccountsOff        refusal.Code = "accounts_off"
	CodeRegistrationClosed refusal.Code = "registration_closed"
	CodeRefreshRefused     refusal.Code = "refresh_refused"
	CodeNotRevocable       refusal.Code = "token_not_revocable"
	CodeBusy               refusal.Code = "busy"
	CodeUserNotFound       refusal.Code = "user_not_found"
	CodeNameManaged        refusal.Code = "name_managed"
	CodeRequestNotFound    refusal.Code = "friend_request_not_found"
	CodeUserBlocked        refusal.Code = "user_blocked"
	CodeAPIKeyNotFound     refusal.Code = "api_key_not_found"
	CodeAPIKeyRefused      refusal.Code = "api_key_refused"
	CodeAddressNotBlocked  refusal.Code = "address_not_blocked"
	CodeCommonPassword     refusal.Code = "common_password"
	CodeAccountDisabled    refusal.Code = "account_disabled"
	CodeLastAdmin          refusal.Code = "last_administrator"
	CodeOwnAccount         refusal.Code = "own_account"
)

// Codes returns all codes but those of package refusal.
func Codes() []refusal.Code {
	return []refusal.Code{
		CodeLoginTaken, CodeInvalidCredentials, CodeAccountsOff, CodeRegistrationClosed, CodeRefreshRefused, CodeNotRevocable,
		CodeBusy, CodeUserNotFound, CodeNameManaged, CodeRequestNotFound, CodeUserBlocked, CodeAPIKeyNotFound, CodeAPIKeyRefused, CodeAddressNotBlocked,
		CodeCommonPassword, CodeAccountDisabled, CodeLastAdmin, CodeOwnAccount,
	}
}

// The refusals without a variable part. Compare by errors.Is; do not change them.
var (
	ErrLoginTaken         = &refusal.Error{Code: CodeLoginTaken, Message: "Login name is taken", Field: "login"}
	ErrLoginAlike         = &refusal.Error{Code: CodeLoginTaken, Message: "Login name looks like one that is taken", Field: "login"}
	ErrInvalidCredentials = &refusal.Error{Code: CodeInvalidCredentials, Message: "Invalid login or password"}
	ErrAccountsOff        = &refusal.Error{Code: CodeAccountsOff, Message: "This server has no accounts of its own"}
	ErrRegistrationClosed = &refusal.Error{Code: CodeRegistrationClosed, Message: "Registration is closed"}
	ErrRefreshRefused     = &refusal.Error{Code: CodeRefreshRefused, Message: "Please log in again"}
	ErrNotRevocable       = &refusal.Error{Code: CodeNotRevocable, Message: "The token has no id, only all tokens of its user can be revoked"}
	ErrUserNotFound       = &refusal.Error{Code: CodeUserNotFound, Message: "User not found", Field: "userId"}
	ErrNameManaged        = &refusal.Error{Code: CodeNameManaged, Message: "The name is kept by the application that you sign in with", Field: "username"}
	ErrRequestNotFound    = &refusal.Error{Code: CodeRequestNotFound, Message: "Friend request not found", Field: "userId"}
	ErrUserBlocked        = &refusal.Error{Code: CodeUserBlocked, Message: "You have blocked this user", Field: "userId"}
	ErrAPIKeyNotFound     = &refusal.Error{Code: CodeAPIKeyNotFound, Message: "API key not found", Field: "id"}
	ErrAddressNotBlocked  = &refusal.Error{Code: CodeAddressNotBlocked, Message: "Address is not blocked", Field: "address"}
	ErrAccountDisabled    = &refusal.Error{Code: CodeAccountDisabled, Message: "This account is disabled"}
	ErrLastAdmin          = &refusal.Error{Code: CodeLastAdmin, Message: "There would be no administrator left", Field: "userId"}
	ErrOwnAccount         = &refusal.Error{Code: CodeOwnAccount, Message: "This is your own account", Field: "userId"}
	ErrAPIKeyRefused      = &refusal.Error{Code: CodeAPIKeyRefused, Message: "API key is not valid"}
)

// ErrOtherIssuer is what a driver answers where a user belongs to another issuer than the command's. No client sees it.
var ErrOtherIssuer = errors.New("the user belongs to another issuer")

func tooMany(what string, limit int) *refusal.Error {
	return &refusal.Error{Code: refusal.LimitExceeded, Message: fmt.Sprintf("There can be at most %d %s", limit, what), Limit: limit}
}
