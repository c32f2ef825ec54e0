//go:build linux

package attack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// waves is how often the sessions are opened again. What one wave leaves behind would add up.
const waves = 3

// abandoned opens sessions on long-polling and leaves them, wave by wave, as many as the server lets in and some more.
func abandoned(ctx context.Context, a *attacker) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: dialers, MaxConnsPerHost: dialers}, Timeout: a.Patience}
	defer client.CloseIdleConnections()
	url := "http://" + a.Addr + "/socket.io/?EIO=4&transport=polling"
	for wave := range waves {
		if wave > 0 {
			time.Sleep(a.Within) // until the server has given up the last ones
		}
		var taken atomic.Int64
		err := many(a.Count, func(int) error {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return err
			}
			answer, err := client.Do(request)
			if err != nil {
				return err
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			switch answer.StatusCode {
			case http.StatusOK:
				taken.Add(1)
			case http.StatusForbidden:
				atomic.AddInt64(&a.outcome.Refused, 1)
			default:
				return fmt.Errorf("a session was answered with %s", answer.Status)
			}
			atomic.AddInt64(&a.outcome.Actions, 1)
			return nil
		})
		if err != nil {
			return err
		}
		if taken.Load() == 0 {
			return fmt.Errorf("nobody was let in in wave %d: the sessions of the last one are still there", wave+1)
		}
	}
	return nil
}
