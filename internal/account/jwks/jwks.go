// Package jwks keeps the public keys of an issuer that publishes them as a JSON Web Key Set.
package jwks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

const (
	refreshEvery   = time.Hour
	retryEvery     = time.Minute // after a refresh that failed, and at most so often for a key that is not known
	requestTimeout = 10 * time.Second
	maxSetBytes    = 1 << 20
)

// Set is the key set behind one URL. It is fetched when opened, once an hour, and at most once a minute when a token
// names a key that it lacks. When the URL does not answer, the keys of the last answer stay in use. Safe for concurrent
// use.
type Set struct {
	url    string
	client *http.Client
	log    *slog.Logger

	keys    atomic.Pointer[keyfunc.Keyfunc]
	turn    chan struct{} // full while somebody fetches: callers who miss the same key share one request
	unknown *rate.Limiter // fetches for unknown keys

	stop context.CancelFunc
	done chan struct{}
}

// Open fetches the set and starts to refresh it; an issuer that cannot be reached is an error. ctx bounds the first
// request only; requests go through transport, http.DefaultTransport outside tests. Stop the set when done.
func Open(ctx context.Context, url string, transport http.RoundTripper, log *slog.Logger) (*Set, error) {
	s := &Set{
		url:     url,
		client:  &http.Client{Transport: transport, Timeout: requestTimeout, CheckRedirect: stayOnHTTPS},
		log:     log,
		turn:    make(chan struct{}, 1),
		unknown: rate.NewLimiter(rate.Every(retryEvery), 1),
		done:    make(chan struct{}),
	}
	if err := s.refresh(ctx); err != nil {
		s.client.CloseIdleConnections()
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	background, stop := context.WithCancel(context.Background())
	s.stop = stop
	go s.keepFresh(background)
	return s, nil
}

// Stop ends the refreshing and waits for it. The keys stay readable.
func (s *Set) Stop() {
	s.stop()
	<-s.done
	s.client.CloseIdleConnections()
}

// Key returns the key that the token's header names with "kid", or all keys when it names none. A key that is not known
// makes it ask the issuer, waiting no longer than ctx.
func (s *Set) Key(ctx context.Context, token *jwt.Token) (any, error) {
	before := s.keys.Load()
	key, err := (*before).KeyfuncCtx(ctx)(token)
	if !errors.Is(err, jwkset.ErrKeyNotFound) {
		return key, err
	}
	if err := s.refreshFor(ctx, before); err != nil {
		return nil, err
	}
	return (*s.keys.Load()).KeyfuncCtx(ctx)(token)
}

// refreshFor fetches the set unless that happened since the caller looked at before.
func (s *Set) refreshFor(ctx context.Context, before *keyfunc.Keyfunc) error {
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	if s.keys.Load() != before {
		return nil
	}
	if !s.unknown.Allow() {
		return fmt.Errorf("key is unknown, and the issuer was asked less than %s ago", retryEvery)
	}
	return s.load(ctx)
}

func (s *Set) keepFresh(ctx context.Context) {
	defer close(s.done)
	wait := time.NewTimer(refreshEvery)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		next := refreshEvery
		if err := s.refresh(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("key set not refreshed, the last one stays in use", "url", s.url, "error", err)
			next = retryEvery
		}
		wait.Reset(next)
	}
}

func (s *Set) refresh(ctx context.Context) error {
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	return s.load(ctx)
}

func (s *Set) takeTurn(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Set) endTurn() { <-s.turn }

// stayOnHTTPS keeps a redirect from leading away from a protected connection.
func stayOnHTTPS(next *http.Request, before []*http.Request) error {
	if before[0].URL.Scheme == "https" && next.URL.Scheme != "https" {
		return errors.New("redirected away from https")
	}
	if len(before) >= 5 {
		return errors.New("redirected more than 5 times")
	}
	return nil
}

// load is called in one's turn.
func (s *Set) load(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", response.Status)
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxSetBytes+1))
	if err != nil {
		return err
	}
	if len(raw) > maxSetBytes {
		return fmt.Errorf("answered more than %d bytes", maxSetBytes)
	}
	keys, err := parse(ctx, raw)
	if err != nil {
		return err
	}
	s.keys.Store(&keys)
	return nil
}

// parse takes the public signing keys of a set. Others in it are left out: encryption keys, kinds that are not known,
// and shared secrets, which nobody should have published.
func parse(ctx context.Context, raw []byte) (keyfunc.Keyfunc, error) {
	var set jwkset.JWKSMarshal
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("answered no key set: %w", err)
	}
	storage := jwkset.NewMemoryStorage()
	kept := 0
	for _, entry := range set.Keys {
		if entry.USE == jwkset.UseEnc || entry.KTY == jwkset.KtyOct {
			continue
		}
		key, err := jwkset.NewJWKFromMarshal(entry, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if errors.Is(err, jwkset.ErrUnsupportedKey) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("key %.100q: %w", entry.KID, err)
		}
		if err := storage.KeyWrite(ctx, key); err != nil {
			return nil, err
		}
		kept++
	}
	if kept == 0 {
		return nil, errors.New("answered a key set without a public signing key")
	}
	return keyfunc.New(keyfunc.Options{Storage: storage})
}
