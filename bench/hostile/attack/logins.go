//go:build linux

package attack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// WrongLogins logs in with wrong passwords, again and again, while one who has an account tries to do so with the right one.
const WrongLogins = "logins"

// Logins are those with the right password.
type Logins struct {
	Tried, Failed int
	Longest       time.Duration
}

const (
	rightLogins = 3
	account     = `{"login":"ada","password":"correct horse battery","username":"Ada"}`
	right       = `{"login":"ada","password":"correct horse battery"}`
)

// wrongLogins has every stranger log in without a pause until the right one has tried several times.
func wrongLogins(ctx context.Context, p *StrangersPlan, outcome *StrangersOutcome) error {
	began := time.Now()
	over, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	var strangers sync.WaitGroup
	begun := make(chan struct{}, p.Count)
	for i := range p.Count {
		strangers.Go(func() {
			client := &http.Client{Transport: &http.Transport{DialContext: p.source(i).DialContext}, Timeout: p.Patience}
			defer client.CloseIdleConnections()
			for first := true; over.Err() == nil; first = false {
				if first {
					begun <- struct{}{}
				}
				code, err := post(over, client, p.Addr, "login", fmt.Sprintf(`{"login":"nobody-%d","password":"a wrong password"}`, i))
				if over.Err() != nil {
					return // what was under way says nothing
				}
				mu.Lock()
				outcome.Strangers++
				if err != nil || code != http.StatusUnauthorized {
					outcome.Refused++
				}
				mu.Unlock()
				if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
					time.Sleep(TalkPause) // refused for nothing, which would only be counted
				}
			}
		})
	}
	for range p.Count {
		<-begun
	}
	for range rightLogins {
		time.Sleep(TalkPause)
		asked := time.Now()
		code, err := post(ctx, http.DefaultClient, p.Addr, "login", right)
		outcome.Right.Tried++
		if err != nil || code != http.StatusOK {
			outcome.Right.Failed++
		}
		outcome.Right.Longest = max(outcome.Right.Longest, time.Since(asked))
	}
	cancel()
	strangers.Wait()
	outcome.Rid = time.Since(began)
	return nil
}

// register makes the account. What the server needs to check one password is there from then on.
func register(ctx context.Context, addr string) error {
	code, err := post(ctx, http.DefaultClient, addr, "accounts", account)
	if err == nil && code != http.StatusCreated {
		err = fmt.Errorf("registering was answered with %d", code)
	}
	return err
}

func post(ctx context.Context, client *http.Client, addr, operation, body string) (code int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/api/v1/"+operation, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, answer.Body.Close()
}
