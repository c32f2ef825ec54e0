package gateway

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// welcome is the first that a native connection hears that was let in.
type welcome struct {
	Status   string         `json:"status"`
	ClientID string         `json:"clientId"`
	UserID   account.UserID `json:"userId"`
	wire.Epoch
}

// greeting is what a device is told of the server when it signs in: of its database, and which node this is. The epoch is
// empty where it cannot be read: the device's first sync tells it.
func (g *Gateway) greeting(ctx context.Context) wire.Epoch {
	epoch, err := g.deps.Chat.Epoch(ctx)
	if err != nil {
		g.complaints.fault("connections could not be told the epoch", err)
	}
	greeting := wire.Epoch{Epoch: epoch}
	if g.deps.Peers != nil {
		greeting.Node = g.deps.Peers.Self()
	}
	return greeting
}
