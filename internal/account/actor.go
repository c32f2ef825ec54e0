package account

import "strings"

// UserID names a user. It is opaque, 1 to [MaxUserIDBytes] bytes of printable UTF-8, and comes from whoever issued the
// user's token.
type UserID string

// LocalPrefix begins the ids of local accounts. The server alone makes them: a token of another issuer that claims one
// is refused.
const LocalPrefix = "u_"

// Local reports whether the id is that of an account on this server.
func (id UserID) Local() bool { return strings.HasPrefix(string(id), LocalPrefix) }

// SystemUser is the sender of the server's own messages. Nobody can sign in as it.
const SystemUser UserID = "system"

// Actor is the signed-in user on whose behalf a command runs, under the name that is stored.
type Actor struct {
	ID   UserID
	Name string
	// Origin names the connection that the command came by. Events carry it, so that a gateway can leave that connection
	// out. It may be empty.
	Origin string
}

// Person is a user as others see them.
type Person struct {
	ID   UserID
	Name string
}
