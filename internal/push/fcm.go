package push

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// FCM is how Firebase Cloud Messaging is reached. Its errors name the settings that have them.
type FCM struct {
	Credentials []byte // the JSON of a service account's key
	URL         string // where its API is
}

// FCMURL is where Google's service is.
const FCMURL = "https://fcm.googleapis.com"

// The bounds of Google's.
const (
	maxFCM       = 4096 // bytes, of all that is told
	fcmScope     = "https://www.googleapis.com/auth/firebase.messaging"
	assertionFor = time.Hour
	// accessSpare is how long before its end an access token is not used any more; of a short one it is half.
	accessSpare = 5 * time.Minute
	maxAccess   = 4096 // bytes of a token
)

// serviceAccount is what the file with credentials has.
type serviceAccount struct {
	Type         string `json:"type"`
	ProjectID    string `json:"project_id"`
	PrivateKeyID string `json:"private_key_id"`
	PrivateKey   string `json:"private_key"`
	ClientEmail  string `json:"client_email"`
	TokenURI     string `json:"token_uri"`
}

// fcm tells apps by Google's service.
type fcm struct {
	client
	account serviceAccount
	origin  string
	address string
	key     crypto.Signer

	asking chan struct{} // who asks for a token has the only place
	mu     sync.Mutex
	access token
}

func newFCM(cfg FCM, c client) (*fcm, error) {
	const name = "fcm-credentials-file"
	var account serviceAccount
	if err := json.Unmarshal(cfg.Credentials, &account); err != nil {
		return nil, fmt.Errorf("%s is not the JSON of a service account's key: %w", name, err)
	}
	if account.Type != "service_account" {
		return nil, fmt.Errorf("%s has the type %q, but must be the key of a service account, not the file that is for apps", name, account.Type)
	}
	for field, value := range map[string]string{
		"project_id": account.ProjectID, "private_key_id": account.PrivateKeyID, "client_email": account.ClientEmail, "token_uri": account.TokenURI,
	} {
		if value == "" {
			return nil, fmt.Errorf("%s has no %s", name, field)
		}
	}
	key, err := privateKey([]byte(account.PrivateKey))
	if err != nil {
		return nil, fmt.Errorf("%s has a private_key that is none: %w", name, err)
	}
	if _, is := key.(*rsa.PrivateKey); !is {
		return nil, fmt.Errorf("%s has a private_key that is not one of RSA", name)
	}
	for field, text := range map[string]string{name + " has a token_uri that": account.TokenURI, "fcm-url": cfg.URL} {
		if u, err := url.Parse(text); err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
			return nil, fmt.Errorf("%s is %q, which is no address that begins with https://", field, text)
		}
	}
	origin := strings.TrimRight(cfg.URL, "/")
	return &fcm{
		client: c, account: account, origin: origin, address: origin + "/v1/projects/" + url.PathEscape(account.ProjectID) + "/messages:send", key: key,
		asking: make(chan struct{}, 1),
	}, nil
}

func (g *fcm) tell(ctx context.Context, s *Subscription, n *notice) (attempt, error) {
	var access string
	return g.post(ctx, g.origin, func(ctx context.Context) (r *http.Request, instead *attempt) {
		message, err := fcmMessage(s.Address, n, g.now())
		if err != nil {
			return nil, &attempt{outcome: Refused, why: err.Error()}
		}
		if access, instead = g.authorize(ctx); instead != nil {
			return nil, instead
		}
		if r, err = http.NewRequestWithContext(ctx, http.MethodPost, g.address, bytes.NewReader(message)); err != nil {
			return nil, &attempt{outcome: Refused, why: err.Error()}
		}
		r.Header.Set("Authorization", "Bearer "+access)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("User-Agent", "Sockeye-Push")
		return r, nil
	}, func(got *answer) attempt { return g.judge(got, access) })
}

// authorize is an access token, which is kept near to its end; or why there is none.
func (g *fcm) authorize(ctx context.Context) (string, *attempt) {
	select {
	case g.asking <- struct{}{}:
		defer func() { <-g.asking }()
	case <-ctx.Done():
		return "", &attempt{outcome: Later, why: "there was no answer from where access tokens are"}
	}
	now := g.now()
	g.mu.Lock()
	kept := g.access
	g.mu.Unlock()
	if kept.text != "" && now.Before(kept.expires) {
		return kept.text, nil
	}
	made, instead := g.ask(ctx, now)
	if instead != nil {
		return "", instead
	}
	g.mu.Lock()
	g.access = made
	g.mu.Unlock()
	return made.text, nil
}

// ask exchanges a JWT for an access token (RFC 7523, section 2.1).
func (g *fcm) ask(ctx context.Context, now time.Time) (token, *attempt) {
	assertion, err := signed(g.key, g.account.PrivateKeyID, map[string]any{
		"iss": g.account.ClientEmail, "scope": fcmScope, "aud": g.account.TokenURI, "iat": now.Unix(), "exp": now.Add(assertionFor).Unix(),
	})
	if err != nil {
		return token{}, &attempt{outcome: Later, why: err.Error(), ours: true}
	}
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.account.TokenURI, strings.NewReader(form))
	if err != nil {
		return token{}, &attempt{outcome: Later, why: err.Error(), ours: true}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", "Sockeye-Push")
	var got answer
	got.status, got.header, got.body, got.err = g.send.Do(r, maxAnswer+maxAccess)
	out := judge(got.status, got.header, got.err, now)
	var said struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
		Error       string `json:"error"`
	}
	broken := json.Unmarshal(got.body, &said) != nil
	switch {
	case out.outcome == Sent && !broken && said.AccessToken != "" && len(said.AccessToken) <= maxAccess && said.ExpiresIn > 0:
		good := time.Duration(min(said.ExpiresIn, int64(tokenFor/time.Second))) * time.Second
		return token{said.AccessToken, now.Add(good - min(accessSpare, good/2))}, nil
	case out.outcome == Later:
		out.why = "there is no access token: " + out.why
		return token{}, &out
	}
	return token{}, &attempt{outcome: Later, why: fmt.Sprintf("there is no access token: the answer was %d%s", got.status, word(said.Error)), ours: true}
}

// reserved begin names that data must not have (Firebase's reference of messages).
func reserved(name string) bool {
	return name == "from" || name == "message_type" || name == "collapse_key" || strings.HasPrefix(name, "google.") || strings.HasPrefix(name, "gcm.") || name == ""
}

type fcmNotification struct {
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
	Image string `json:"image,omitempty"`
}

// fcmMessage is what an app is told: what the system shows, and the notification's other fields as texts. An app that is to take
// something back hears of it without anything being shown.
func fcmMessage(address string, n *notice, now time.Time) ([]byte, error) {
	left := max(n.until.Sub(now), 0) / time.Second
	expires := nowOrNever
	if left > 0 {
		expires = strconv.FormatInt(n.until.Unix(), 10)
	}
	priority, appleprio := "high", atOncePrio
	if u := n.fields.urgency(); u == "very-low" || u == "low" || n.back {
		priority, appleprio = "normal", thriftyPrio
	}
	topic := n.fields.topic(n.id)
	return n.fields.fit(n.id, n.at, maxFCM, func(told map[string]any) any {
		data := make(map[string]string, len(told))
		for name, value := range told {
			if raw, is := value.(json.RawMessage); is && isNull(raw) {
				continue
			}
			if name != "title" && name != "body" && name != "image" && name != "sound" && !reserved(name) {
				data[name] = asText(value)
			}
		}
		android := map[string]any{"collapse_key": topic, "ttl": strconv.FormatInt(int64(left), 10) + "s", "priority": priority}
		headers := map[string]string{"apns-collapse-id": topic, "apns-priority": appleprio, "apns-expiration": expires}
		if n.back {
			headers["apns-push-type"] = "background"
			return map[string]any{"message": map[string]any{
				"token": address, "data": data, "android": android,
				"apns": map[string]any{"headers": headers, "payload": map[string]any{"aps": wakesApp}},
			}}
		}
		shown := map[string]any{}
		if unread := unreadIn(told); unread != nil {
			shown["notification_count"] = *unread
		}
		for name, value := range map[string]string{"tag": textIn(told, "tag"), "color": colorIn(told), "sound": textIn(told, "sound")} {
			if value != "" {
				shown[name] = value
			}
		}
		image := textIn(told, "image")
		if !strings.HasPrefix(image, "https://") {
			image = ""
		}
		android["notification"] = shown
		return map[string]any{"message": map[string]any{
			"token":        address,
			"notification": fcmNotification{textIn(told, "title"), textIn(told, "body"), image},
			"data":         data,
			"android":      android,
			"apns":         map[string]any{"headers": headers, "payload": map[string]any{"aps": fcmAPS(told)}},
		}}
	})
}

// fcmAPS is what Google's service hands on to Apple's, whose alert it makes of the notification.
func fcmAPS(told map[string]any) map[string]any {
	of := apsOf(told)
	out := map[string]any{"sound": of.Sound, "mutable-content": of.MutableContent}
	if of.Badge != nil {
		out["badge"] = of.Badge
	}
	if of.ThreadID != "" {
		out["thread-id"] = of.ThreadID
	}
	return out
}

// asText is a value as data has it: a text as it is, everything else as JSON.
func asText(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case json.RawMessage:
		var text *string
		if json.Unmarshal(value, &text) == nil && text != nil {
			return *text
		}
		return string(value)
	}
	return ""
}

// colorIn is a color that Android takes: #rrggbb.
func colorIn(told map[string]any) string {
	color := textIn(told, "color")
	if len(color) != 7 || color[0] != '#' || strings.Trim(color[1:], "0123456789abcdefABCDEF") != "" {
		return ""
	}
	return color
}

// googleSaid is the body of an answer that says no.
type googleSaid struct {
	Error struct {
		Message string `json:"message"`
		Status  string `json:"status"`
		Details []struct {
			ErrorCode       string `json:"errorCode"`
			FieldViolations []struct {
				Field string `json:"field"`
			} `json:"fieldViolations"`
		} `json:"details"`
	} `json:"error"`
}

// code is Google's word for what is wrong, and of the token whether that is.
func (s *googleSaid) code() (code string, token bool) {
	code, token = s.Error.Status, strings.Contains(s.Error.Message, "registration token is not a valid")
	for _, d := range s.Error.Details {
		if d.ErrorCode != "" {
			code = d.ErrorCode
		}
		for _, v := range d.FieldViolations {
			token = token || v.Field == "message.token"
		}
	}
	return code, token
}

// judge says what an answer means. A device is removed by Google's words for that alone: a project that is not there is a 404 too.
func (g *fcm) judge(got *answer, access string) attempt {
	out := judge(got.status, got.header, got.err, g.now())
	if got.err != nil || out.outcome == Sent {
		return out
	}
	var said googleSaid
	_ = json.Unmarshal(got.body, &said)
	code, token := said.code()
	out.why += word(code)
	switch {
	case slices.Contains([]string{"UNREGISTERED", "SENDER_ID_MISMATCH"}, code), code == "INVALID_ARGUMENT" && token:
		out.outcome = Gone
	case code == "THIRD_PARTY_AUTH_ERROR": // what Apple wants of Google: another token would not help
		out.outcome = Refused
	case got.status == http.StatusUnauthorized, code == "PERMISSION_DENIED":
		g.mu.Lock()
		if g.access.text == access {
			g.access.text = ""
		}
		g.mu.Unlock()
		out.outcome, out.ours = Later, true
	case out.outcome == Gone:
		out.outcome = Refused
	}
	return out
}
