package push

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// APNs is how the Apple Push Notification service is reached. Its errors name the settings that have them.
type APNs struct {
	Key    []byte // the file AuthKey_….p8: PEM, a key of P-256
	KeyID  string // 10 characters
	TeamID string // 10 characters
	Host   string // with a port if that is not 443
}

// APNsHost is where Apple's service is.
const APNsHost = "api.push.apple.com"

// The bounds of Apple's (developer.apple.com: Generating a remote notification, Establishing a token-based connection to APNs).
const (
	maxAPNs     = 4096 // bytes
	appleIDs    = 10   // characters
	renewEvery  = 40 * time.Minute
	youngest    = 10 * time.Minute
	nowOrNever  = "0"
	atOncePrio  = "10"
	thriftyPrio = "5"
)

// apns tells apps for Apple's systems.
type apns struct {
	client
	cfg    APNs
	origin string
	key    crypto.Signer

	mu     sync.Mutex
	token  string
	issued time.Time
}

func newAPNs(cfg APNs, c client) (*apns, error) {
	key, err := privateKey(cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("apns-key-file is not what Apple gives as AuthKey_….p8: %w", err)
	}
	if own, is := key.(*ecdsa.PrivateKey); !is || own.Curve != elliptic.P256() {
		return nil, errors.New("apns-key-file is not what Apple gives as AuthKey_….p8: its private key is not one of the curve P-256")
	}
	for _, id := range []struct{ name, value, from string }{
		{"apns-key-id", cfg.KeyID, "the name of the key's file, AuthKey_….p8"}, {"apns-team-id", cfg.TeamID, "the membership page of the developer account"},
	} {
		if len(id.value) != appleIDs || strings.Trim(id.value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
			return nil, fmt.Errorf("%s is %q, but must be %d capital letters and digits: it is in %s", id.name, id.value, appleIDs, id.from)
		}
	}
	origin := "https://" + cfg.Host
	if u, err := url.Parse(origin); err != nil || u.Host != cfg.Host || u.Hostname() == "" {
		return nil, fmt.Errorf("apns-host is %q, which is no host such as %s", cfg.Host, APNsHost)
	}
	return &apns{client: c, cfg: cfg, origin: origin, key: key}, nil
}

func (a *apns) tell(ctx context.Context, s *Subscription, n *notice) (attempt, error) {
	return a.post(ctx, a.origin, func(ctx context.Context) (*http.Request, *attempt) {
		r, err := a.request(ctx, s, n)
		if err != nil {
			return nil, &attempt{outcome: Refused, why: err.Error()}
		}
		return r, nil
	}, func(got *answer) attempt { return a.judge(got, s) })
}

// request is what Apple's Sending notification requests to APNs asks for.
func (a *apns) request(ctx context.Context, s *Subscription, n *notice) (*http.Request, error) {
	payload, err := apnsPayload(n)
	if err != nil {
		return nil, err
	}
	bundleID, token, _ := strings.Cut(s.Address, "/")
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.origin+"/3/device/"+url.PathEscape(token), bytes.NewReader(payload))
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	now := a.now()
	authorization, err := a.authorization(now)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", authorization)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Sockeye-Push")
	r.Header.Set("Apns-Topic", bundleID)
	r.Header.Set("Apns-Push-Type", "alert")
	r.Header.Set("Apns-Priority", atOncePrio)
	if u := n.fields.urgency(); u == "very-low" || u == "low" || n.back {
		r.Header.Set("Apns-Priority", thriftyPrio)
	}
	if n.back {
		r.Header.Set("Apns-Push-Type", "background")
	}
	r.Header.Set("Apns-Expiration", nowOrNever)
	if n.until.After(now) {
		r.Header.Set("Apns-Expiration", strconv.FormatInt(n.until.Unix(), 10))
	}
	r.Header.Set("Apns-Collapse-Id", n.fields.topic(n.id))
	return r, nil
}

// authorization is the header of that name. Apple wants a token to be renewed after 20 minutes at the earliest and 60 at the latest:
// all nodes do that at the same time, every 40 minutes, and have the same. It is never younger than 10, as clocks differ.
func (a *apns) authorization(now time.Time) (string, error) {
	issued := now.Add(-youngest).Truncate(renewEvery)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token == "" || !issued.Equal(a.issued) {
		token, err := signed(a.key, a.cfg.KeyID, map[string]any{"iss": a.cfg.TeamID, "iat": issued.Unix()})
		if err != nil {
			return "", err
		}
		a.token, a.issued = token, issued
	}
	return "bearer " + a.token, nil
}

// apnsPayload is what an app is told: what the system shows in aps, and the notification's other fields beside that. An app that is to
// take something back is woken up for it.
func apnsPayload(n *notice) ([]byte, error) {
	return n.fields.fit(n.id, n.at, maxAPNs, func(told map[string]any) any {
		out := make(map[string]any, len(told)+1)
		for name, value := range told {
			if name != "title" && name != "body" && name != "sound" && name != "badge" && name != "unread" {
				out[name] = value
			}
		}
		out["aps"] = apsOf(told)
		if n.back {
			out["aps"] = wakesApp
		}
		return out
	})
}

type aps struct {
	Alert struct {
		Title string `json:"title,omitempty"`
		Body  string `json:"body,omitempty"`
	} `json:"alert"`
	Badge          *int   `json:"badge,omitempty"`
	Sound          string `json:"sound"`
	ThreadID       string `json:"thread-id,omitempty"`
	MutableContent int    `json:"mutable-content"` // an extension of the app may fetch pictures
}

// wakesApp is aps of what an app hears of without anything being shown (developer.apple.com: Pushing background updates to your App).
var wakesApp = map[string]int{"content-available": 1}

func apsOf(told map[string]any) (a aps) {
	a.Alert.Title, a.Alert.Body = textIn(told, "title"), textIn(told, "body")
	a.Badge, a.ThreadID, a.MutableContent = unreadIn(told), textIn(told, "tag"), 1
	if a.Sound = textIn(told, "sound"); a.Sound == "" {
		a.Sound = "default"
	}
	return a
}

// Apple's words for what is wrong (Handling notification responses from APNs).
var (
	appleGone = []string{"Unregistered", "ExpiredToken", "BadDeviceToken", "DeviceTokenNotForTopic"}
	appleOurs = []string{"InvalidProviderToken", "ExpiredProviderToken", "MissingProviderToken", "BadCertificate", "BadCertificateEnvironment", "BadEnvironmentKeyIdInToken"}
)

// judge says what an answer means. A device is removed by Apple's words for that alone: another service, at an address that is wrong,
// says 404 too.
func (a *apns) judge(got *answer, s *Subscription) attempt {
	out := judge(got.status, got.header, got.err, a.now())
	if got.err != nil || out.outcome == Sent {
		return out
	}
	var said struct {
		Reason    string `json:"reason"`
		Timestamp int64  `json:"timestamp"` // since when it is gone, in milliseconds
	}
	_ = json.Unmarshal(got.body, &said)
	out.why += word(said.Reason)
	switch {
	case slices.Contains(appleGone, said.Reason):
		out.outcome = Gone
		if said.Timestamp > 0 && s.CreatedAt.After(time.UnixMilli(said.Timestamp)) { // it has subscribed again since
			out.outcome = Refused
		}
	case slices.Contains(appleOurs, said.Reason):
		out.outcome, out.ours = Later, true
	case out.outcome == Gone:
		out.outcome = Refused
	}
	return out
}

// word is a service's for what is wrong, as the log may have it.
func word(text string) string {
	if text == "" || len(text) > 64 || strings.ContainsFunc(text, func(r rune) bool { return r != '_' && notOfBundleID(r) }) {
		return ""
	}
	return " " + text
}
