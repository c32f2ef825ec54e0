package forward

import (
	"crypto/tls"
	"net/http"
)

// TLS is how this node would come to another.
func (f *Forwarder) TLS(certificate []byte) *tls.Config { return f.keys.to(pin(certificate)) }

// Pin is that of this node's certificate.
func (f *Forwarder) Pin() []byte { return f.keys.pin[:] }

// SetTag is as if the node had come upon a tag by itself, before Start.
func (f *Forwarder) SetTag(tag string) { f.tag.Store(&tag) }

// Tag is that of the next session.
func (f *Forwarder) Tag() string { return *f.tag.Load() }

// The headers.
const (
	ClientHeader = clientHeader
	KnownHeader  = knownHeader
)

// Busy is how many requests are on their way.
func (f *Forwarder) Busy() int { return f.requests.taken() }

// As is an HTTP client of other nodes that comes as this one does, to the node with a pin.
func (f *Forwarder) As(certificate []byte) *http.Transport {
	return &http.Transport{TLSClientConfig: f.TLS(certificate), DisableKeepAlives: true}
}
