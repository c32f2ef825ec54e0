package rows

import (
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

// Webhook reads a webhook: id, url, secret, description, events, rooms, the secret before and until when it is good, time of
// creation and by whom, since when it fails, since when it is disabled and why.
func Webhook(row Row) (w webhook.Webhook, err error) {
	var events, inRooms string
	var oldUntil, createdAt, failing, disabled int64
	err = row.Scan(&w.ID, &w.URL, (*string)(&w.Secret), &w.Description, &events, &inRooms, (*string)(&w.OldSecret), &oldUntil, &createdAt, &w.CreatedBy,
		&failing, &disabled, &w.DisabledWhy)
	if err != nil {
		return w, err
	}
	w.OldUntil, w.CreatedAt = InstantOrZero(oldUntil), Instant(createdAt)
	w.FailingSince, w.DisabledAt = InstantOrZero(failing), InstantOrZero(disabled)
	if err := readList(events, &w.Events); err != nil {
		return w, fmt.Errorf("events of webhook %s: %w", w.ID, err)
	}
	if err := readList(inRooms, &w.Rooms); err != nil {
		return w, fmt.Errorf("rooms of webhook %s: %w", w.ID, err)
	}
	return w, nil
}

// OneWebhook reads a webhook, or says that there is none.
func OneWebhook(row Row) (webhook.Webhook, error) {
	w, err := Webhook(row)
	found, err := Found(err)
	switch {
	case err != nil:
		return webhook.Webhook{}, err
	case !found:
		return webhook.Webhook{}, webhook.ErrNotFound
	}
	return w, nil
}

// WebhookValues are what a webhook is stored as, in the order in which it is read.
func WebhookValues(w *webhook.Webhook) ([]any, error) {
	events, err := List(w.Events)
	if err != nil {
		return nil, fmt.Errorf("encode events: %w", err)
	}
	inRooms, err := List(w.Rooms)
	if err != nil {
		return nil, fmt.Errorf("encode rooms: %w", err)
	}
	return []any{
		w.ID, w.URL, string(w.Secret), w.Description, events, inRooms, string(w.OldSecret), millisOrZero(w.OldUntil), w.CreatedAt.UnixMilli(), w.CreatedBy,
		millisOrZero(w.FailingSince), millisOrZero(w.DisabledAt), w.DisabledWhy,
	}, nil
}

// millisOrZero is how a time is stored where 0 stands for none.
func millisOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Delivery reads an attempt of a webhook: the webhook, time, id, id of the event, kind, conversation, seq, attempt, status, error,
// outcome, milliseconds.
func Delivery(row Row) (d webhook.Delivery, err error) {
	var at, took int64
	err = row.Scan(&d.WebhookID, &at, &d.ID, &d.EventID, (*string)(&d.Kind), &d.ConversationID, &d.Seq, &d.Attempt, &d.Status, &d.Error,
		(*string)(&d.Outcome), &took)
	d.At, d.Took = Instant(at), time.Duration(took)*time.Millisecond
	return d, err
}

// DeliveryValues are what an attempt is stored as, in the order in which it is read.
func DeliveryValues(d *webhook.Delivery) []any {
	return []any{
		d.WebhookID, d.At.UnixMilli(), d.ID, d.EventID, string(d.Kind), d.ConversationID, d.Seq, d.Attempt, d.Status, d.Error, string(d.Outcome),
		d.Took.Milliseconds(),
	}
}

// Logged reads events of a conversation behind a seq.
func Logged(each Each, log *Log, conversation, room string, after int64, limit int) ([]chat.Event, error) {
	events, err := log.After(each, conversation, room, after, limit)
	for i := range events {
		if e := &events[i]; e.Room == nil && (e.Kind == chat.RoomUpdated || e.Kind == chat.RoomDeleted) {
			e.Room = &chat.Room{ID: room}
		}
	}
	return events, err
}
