package rows

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/upload"
)

// FileColumns are those of [File], in their order.
const FileColumns = `id, owner_id, state, name, metadata, concat, length, received, parts, type, size, blob, processed, details, variants,
	created_at, coalesce(expires_at, 0)`

// File reads the record of a file.
func File(row Row) (upload.Record, error) {
	var r upload.Record
	var parts, details, variants string
	var created, expires int64
	err := row.Scan(&r.ID, (*string)(&r.Owner), (*string)(&r.State), &r.Name, &r.Metadata, &r.Concat, &r.Length, &r.Offset, &parts, &r.Type,
		&r.Size, &r.Blob, &r.Processed, &details, &variants, &created, &expires)
	if err != nil {
		return r, err
	}
	r.CreatedAt, r.ExpiresAt = Instant(created), InstantOrZero(expires)
	for _, column := range []struct {
		text string
		into any
	}{{parts, &r.Parts}, {details, &r.Details}, {variants, &r.Variants}} {
		if err := json.Unmarshal([]byte(column.text), column.into); err != nil {
			return r, fmt.Errorf("what is stored of file %s: %w", r.ID, err)
		}
	}
	return r, nil
}

// OneFile reads the record of a file, or says that there is none.
func OneFile(row Row) (upload.Record, error) {
	r, err := File(row)
	found, err := Found(err)
	switch {
	case err != nil:
		return upload.Record{}, fmt.Errorf("look up a file: %w", err)
	case !found:
		return upload.Record{}, chat.ErrFileNotFound
	}
	return r, nil
}

// FileTexts are the columns of a record that are JSON: parts, details, variants.
func FileTexts(r *upload.Record) (texts [3]string, err error) {
	for i, part := range []any{r.Parts, r.Details, r.Variants} {
		text, err := json.Marshal(part)
		if err != nil {
			return texts, fmt.Errorf("encode a file: %w", err)
		}
		texts[i] = string(text)
	}
	return texts, nil
}

// FilesAmong returns those of the files that are whole: query is for all of ids, and returns the columns of [File].
func FilesAmong(each Each, query string, ids []string) (map[string]chat.File, error) {
	records, err := Collect(each, nil, File, query, ids)
	if err != nil {
		return nil, fmt.Errorf("look up files: %w", err)
	}
	files := make(map[string]chat.File, len(records))
	for i := range records {
		files[records[i].ID] = records[i].File()
	}
	return files, nil
}

// AddFiles adds to messages the files that they carry, by a query as [FilesAmong] takes it. Without any it asks nothing.
func AddFiles(each Each, query string, messages []chat.Message) error {
	var ids []string
	for i := range messages {
		ids = append(ids, messages[i].Attachments...)
	}
	if len(ids) == 0 {
		return nil
	}
	files, err := FilesAmong(each, query, ids)
	if err != nil {
		return err
	}
	for i := range messages {
		m := &messages[i]
		for _, id := range m.Attachments {
			if f, found := files[id]; found {
				m.Files = append(m.Files, f)
			}
		}
	}
	return nil
}

// FileAudience reads who has messages with a file: query returns the ids of rooms and those of users, of which one is empty.
func FileAudience(each Each, query, id string) (a upload.Audience, err error) {
	type one struct {
		room string
		user chat.UserID
	}
	all, err := Collect(each, nil, func(row Row) (o one, err error) { return o, row.Scan(&o.room, (*string)(&o.user)) }, query, id)
	if err != nil {
		return a, fmt.Errorf("look who has a file: %w", err)
	}
	for _, o := range all {
		switch {
		case o.room != "":
			a.Rooms = append(a.Rooms, o.room)
		case o.user != "":
			a.Users = append(a.Users, o.user)
		}
	}
	return a, nil
}

// FileStep is what has become of a command that moves an upload on, which has changed some records: none if the upload is elsewhere,
// or is none any more, which found tells.
func FileStep(changed int64, found func() (upload.Record, error)) error {
	if changed > 0 {
		return nil
	}
	r, err := found()
	switch {
	case errors.Is(err, chat.ErrFileNotFound) || err == nil && r.State != upload.Uploading:
		return upload.ErrUploadNotFound
	case err != nil:
		return err
	}
	return upload.ErrOffset
}
