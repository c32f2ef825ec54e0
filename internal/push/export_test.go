package push

import (
	"context"
	"crypto/ecdh"
	"net/http"
	"time"
)

// What tests reach for of what nobody else does.
var (
	Seal     = seal
	Encrypt  = encrypt
	ParseKey = parseKey
	NewKey   = newKey
)

// Judge is what an answer means.
func Judge(status int, header http.Header, err error, now time.Time) (Outcome, time.Duration) {
	a := judge(status, header, err, now)
	return a.outcome, a.after
}

// Authorization is the header for an origin.
func (k *Key) Authorization(origin string, now time.Time) (string, error) {
	return k.authorization(origin, now)
}

// Plain is what a browser is told.
func (f Fields) Plain(id string, at time.Time, most int) ([]byte, error) {
	return f.plain(id, at, most)
}

// Topic is by what a notification is replaced.
func (f Fields) Topic(id string) string { return f.topic(id) }

// Parse is a subscription as it is stored.
func (g Given) Parse(private bool) (Subscription, error) { return g.parse(private) }

// WebPush tells browsers.
type WebPush struct{ web *webPush }

// NewWebPush returns one.
func NewWebPush(send Sender, key *Key, now func() time.Time) WebPush {
	return WebPush{&webPush{newClient(send, now), key}}
}

// Tell tells a browser once.
func (w WebPush) Tell(ctx context.Context, s *Subscription, f Fields, id string, at, until time.Time) (Outcome, time.Duration, error) {
	a, err := w.web.tell(ctx, s, &notice{fields: f, id: id, at: at, until: until})
	return a.outcome, a.after, err
}

// Phones tells apps.
type Phones struct{ by carrier }

// NewAPNs tells those for Apple's systems.
func NewAPNs(cfg APNs, send Sender, now func() time.Time) (Phones, error) {
	by, err := newAPNs(cfg, newClient(send, now))
	return Phones{by}, err
}

// NewFCM tells those by Google's service.
func NewFCM(cfg FCM, send Sender, now func() time.Time) (Phones, error) {
	by, err := newFCM(cfg, newClient(send, now))
	return Phones{by}, err
}

// Tell tells an app once. ours is that the service does not take the credentials.
func (p Phones) Tell(ctx context.Context, s *Subscription, f Fields, id string, at, until time.Time) (outcome Outcome, after time.Duration, ours bool, err error) {
	a, err := p.by.tell(ctx, s, &notice{fields: f, id: id, at: at, until: until})
	return a.outcome, a.after, a.ours, err
}

// TakeBack has an app take something back.
func (p Phones) TakeBack(ctx context.Context, s *Subscription, f Fields, id string, at, until time.Time) (Outcome, error) {
	a, err := p.by.tell(ctx, s, &notice{fields: f, id: id, at: at, until: until, back: true})
	return a.outcome, err
}

// Message is what an app is told by Google's service, and Payload by Apple's.
func (f Fields) Message(token, id string, at, now, until time.Time) ([]byte, error) {
	return fcmMessage(token, &notice{fields: f, id: id, at: at, until: until}, now)
}

// Payload is what an app is told by Apple's.
func (f Fields) Payload(id string, at time.Time) ([]byte, error) {
	return apnsPayload(&notice{fields: f, id: id, at: at})
}

// PrivateKey is a key of ECDH.
func PrivateKey(raw []byte) (*ecdh.PrivateKey, error) { return ecdh.P256().NewPrivateKey(raw) }

// IsTold tells whether a user with such settings is told of something.
func IsTold(own, conversation Settings, direct, particular bool, now time.Time) bool {
	w := wishes{own, conversation}
	return w.told(direct, particular, now)
}
