package local_test

import (
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/feed/feedtest"
	"github.com/sockeye-im/sockeye/internal/feed/local"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFeed(t *testing.T) {
	feedtest.Run(t, func(*testing.T) []feed.Feed { return []feed.Feed{local.New()} })
}

// A publisher waits while the queue is full, and goes on as facts are told. Whoever only
// offers does not wait.
func TestFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := local.New()
		told, gate := 0, make(chan struct{})
		f.Follow(func(*feed.Facts) {
			<-gate
			told++
		})
		const facts = 3000 // more than the queue holds
		published := 0
		go func() {
			for range facts {
				f.Publish(feed.Facts{})
				published++
			}
		}()
		synctest.Wait()
		if published != f.Waiting()+1 || published == facts { // one is being told
			t.Errorf("%d are published and %d wait while nothing is told", published, f.Waiting())
		}
		if f.Offer(feed.Facts{}) {
			t.Error("there was room for more")
		}
		full := published
		gate <- struct{}{}
		synctest.Wait()
		if published != full+1 {
			t.Errorf("%d were published when one was told", published-full)
		}
		close(gate)
		synctest.Wait()
		f.Stop()
		if told != facts || published != facts {
			t.Errorf("%d were told, %d published", told, published)
		}
	})
}
