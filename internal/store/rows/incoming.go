package rows

import "github.com/sockeye-im/sockeye/internal/webhook"

// Incoming reads an incoming webhook: id, room, bot, name, time of creation and by whom.
func Incoming(row Row) (h webhook.Incoming, err error) {
	var at int64
	err = row.Scan(&h.ID, &h.RoomID, (*string)(&h.BotID), &h.Name, &at, &h.CreatedBy)
	h.CreatedAt = Instant(at)
	return h, err
}

// OneIncoming reads an incoming webhook, or says that there is none.
func OneIncoming(row Row) (webhook.Incoming, error) {
	h, err := Incoming(row)
	found, err := Found(err)
	switch {
	case err != nil:
		return webhook.Incoming{}, err
	case !found:
		return webhook.Incoming{}, webhook.ErrNotFound
	}
	return h, nil
}
