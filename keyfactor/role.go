package keyfactor

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strconv"
)

// Role is a security role, as approval steps name it.
type Role struct {
	ID   Int `json:"Id"`
	Name Text
}

func (r Role) rowID() string { return strconv.FormatInt(int64(r.ID), 10) }

// Roles yields the security roles. It needs a permission that the service does without.
//
// Keyfactor's page: GET Security Roles,
// https://software.keyfactor.com/Core-OnPrem/v25.1/Content/WebAPI/KeyfactorAPI/SecurityRolesGET.htm
func (c *Client) Roles(ctx context.Context) iter.Seq2[Role, error] {
	return walk(ctx, c, "/Security/Roles", ListOptions{Sort: "Name"}, func(raw json.RawMessage) (r Role, err error) {
		if err = json.Unmarshal(raw, &r); err == nil && r.ID <= 0 {
			err = errors.New("no Id")
		}
		return r, err
	})
}
