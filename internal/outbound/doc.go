// Package outbound reaches addresses that others have named, such as those of webhooks, without being led into the network that
// the server is in. An address is looked at when it is dialled, behind the look-up of its name: whatever a name says at another time
// does not count. Redirects are not followed, no proxy is asked, and what comes back is bounded.
//
//	address.go  which addresses may be dialled
//	client.go   the HTTP client that dials no others
package outbound
