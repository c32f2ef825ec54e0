// Package authorization_test holds every command and every HTTP operation against everybody who might ask for it. The
// tables say who may do what; they are the specification, and each of their cells is tried on a real server:
//
//	table_test.go     commands, by what the caller is to the room and to its admin
//	backend_test.go   the operations of the application's backend, by the scopes of API keys
//	accounts_test.go  the operations on one's own account
//	admin_test.go     the operations of administrators of the server
//	token_test.go     all of them with tokens that are no good, or are good no longer
//	complete_test.go  nothing is without a row, and no row is about nothing
//
// The rest makes it run:
//
//	server_test.go    the server, in this process, and whose tokens it believes
//	cell_test.go      one cell: what is asked, and what must and must not come of it
//	people_test.go    the people, and what they are to each other
//	place_test.go     the room or the conversation that a cell is about, made anew when it has changed
//	view_test.go      what can be seen of all that, to tell whether it has changed
//	device_test.go    a connection, over either protocol
//	http_test.go      a request, by the words of the OpenAPI document
package authorization_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
