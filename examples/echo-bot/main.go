// Command echo-bot is an example of a bot: it says again what is said in rooms. See docs/webhooks.md.
package main

import (
	"context"
	"log"
	"os"

	"github.com/sockeye-im/sockeye/client/webhook"
)

func main() {
	bot := webhook.Bot{Server: os.Getenv("SOCKEYE"), Key: os.Getenv("KEY"), Secret: os.Getenv("SECRET")}
	bot.Handle = func(ctx context.Context, e *webhook.Event) error {
		if m, is := e.Message(); is && m.RoomID != "" && m.Type != "system" {
			return bot.Reply(ctx, e, m.Content)
		}
		return nil
	}
	log.Fatal(bot.ListenAndServe(os.Getenv("ADDR")))
}
