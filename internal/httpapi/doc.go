// Package httpapi is the HTTP API: what users do without a connection, and what the application's own backend does.
//
// What it can do is a list of operations. Those of users run the commands that connections run too, from the one table of
// them: rules, rates and metrics are there, and here is only which method and path stand for which command. The document
// at /api/openapi.json is made from the same list.
//
//	api.go        API: what every request passes
//	operation.go  operation: from a request to a payload, from an acknowledgement to an answer
//	payload.go    a payload out of path, query and body
//	answer.go     answers: status, ETag, links to the next page
//	problem.go    the one map from refusals to HTTP; errors are problem details (RFC 9457) with a stable "code"
//	signin.go     who asks
//	limits.go     how often
//	commands.go   the operations of users that are commands
//	accounts.go   registering, logging in, one's own account
//	server_*.go   the operations of the backend
//	document.go, notes.go   the OpenAPI document
package httpapi
