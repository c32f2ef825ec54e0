package gateway

import "context"

// epoch is what a device is told of the server's database when it signs in. Empty where
// it cannot be read: the device's first sync tells it.
func (g *Gateway) epoch(ctx context.Context) string {
	epoch, err := g.deps.Chat.Epoch(ctx)
	if err != nil {
		g.deps.Log.Error("a connection could not be told the epoch", "err", err)
	}
	return epoch
}
