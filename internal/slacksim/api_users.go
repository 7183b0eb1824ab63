package slacksim

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

func (w *Workspace) wirePerson(p *Person, c *call) object {
	profile := object{
		"real_name": p.RealName, "real_name_normalized": p.RealName, "display_name": p.Name, "display_name_normalized": p.Name,
		"first_name": p.RealName, "last_name": "", "title": p.Title, "phone": "", "avatar_hash": "0", "status_text": "", "status_emoji": "", "team": p.TeamID,
	}
	for _, size := range []string{"24", "32", "48", "72", "192", "512"} {
		profile["image_"+size] = c.base + "/avatar/" + p.ID + "/" + size + ".png"
	}
	o := object{"id": p.ID, "team_id": p.TeamID, "name": p.Name, "deleted": p.Deactivated, "profile": profile, "updated": 1700000000,
		"is_bot": p.ID == w.app.UserID, "is_app_user": false}
	if c.hasScope("users:read.email") && !w.outsider(p) && p.Email != "" {
		profile["email"] = p.Email
	}
	if p.Deactivated {
		return o
	}
	o["real_name"], o["color"] = p.RealName, "4bbe2e"
	o["is_admin"], o["is_owner"], o["is_primary_owner"] = p.Admin, p.Admin, false
	o["is_restricted"], o["is_ultra_restricted"] = p.Guest || p.SingleGuest, p.SingleGuest
	o["is_email_confirmed"], o["who_can_share_contact_card"] = !p.Unconfirmed, "EVERYONE"
	o["tz"], o["tz_label"], o["tz_offset"] = zone(p.TZ, w.now())
	if organisation := cmp.Or(p.Enterprise, w.cfg.Team.Enterprise); organisation != "" {
		o["enterprise_user"] = object{"id": p.ID, "enterprise_id": organisation, "enterprise_name": organisation, "is_admin": false, "is_owner": false, "teams": []string{p.TeamID}}
	}
	if w.outsider(p) {
		o["is_stranger"] = !w.sharesChannel(p.ID)
	}
	if p.ID == w.app.UserID {
		profile["bot_id"], profile["api_app_id"] = w.app.BotID, w.app.ID
	}
	return o
}

func zone(name string, now time.Time) (tz, label string, offset int) {
	loc, err := time.LoadLocation(name)
	if err != nil || name == "" {
		return "Etc/UTC", "Coordinated Universal Time", 0
	}
	label, offset = now.In(loc).Zone()
	return name, label, offset
}

// sharesChannel says whether the app and a person are in one channel.
func (w *Workspace) sharesChannel(user string) bool {
	return slices.ContainsFunc(w.channelIDs, func(id string) bool {
		ch := w.channels[id]
		return ch.isMember[user] && ch.isMember[w.app.UserID]
	})
}

func userInfo(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.people[c.str("user")]
	switch {
	case p == nil:
		return nil, fail("user_not_found")
	case w.outsider(p) && !w.sharesChannel(p.ID):
		return nil, fail("user_not_visible")
	}
	return object{"user": w.wirePerson(p, c)}, nil
}

func userList(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := []object{}
	for _, id := range w.peopleIDs {
		if p := w.people[id]; !w.outsider(p) {
			all = append(all, w.wirePerson(p, c))
		}
	}
	part, meta, err := paged(c, all, 1000, 1000)
	return object{"members": part, "cache_ts": w.now().Unix(), "response_metadata": meta}, err
}

func userByEmail(w *Workspace, c *call) (object, error) {
	email := c.str("email")
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range w.peopleIDs {
		p := w.people[id]
		if email != "" && strings.EqualFold(p.Email, email) && !p.Deactivated && !w.outsider(p) {
			return object{"user": w.wirePerson(p, c)}, nil
		}
	}
	return nil, fail("users_not_found")
}

func (w *Workspace) wireGroup(g *group, users bool) object {
	deleted := int64(0)
	if g.Disabled {
		deleted = g.created
	}
	o := object{
		"id": g.ID, "team_id": w.cfg.Team.ID, "is_usergroup": true, "is_subteam": true, "name": g.Name, "description": "", "handle": g.Handle,
		"is_external": false, "date_create": g.created, "date_update": g.created, "date_delete": deleted, "auto_type": nil,
		"created_by": w.peopleIDs[0], "updated_by": w.peopleIDs[0], "deleted_by": nil,
		"prefs": object{"channels": []string{}, "groups": []string{}}, "user_count": len(g.users),
	}
	if users {
		o["users"] = g.users
	}
	return o
}

func groupList(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := []object{}
	for _, g := range w.groups {
		if !g.Disabled || c.flag("include_disabled") {
			all = append(all, w.wireGroup(g, c.flag("include_users")))
		}
	}
	return object{"usergroups": all}, nil
}

func groupUsers(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.groups, func(g *group) bool { return g.ID == c.str("usergroup") })
	if i < 0 || w.groups[i].Disabled && !c.flag("include_disabled") {
		return nil, fail("no_such_subteam")
	}
	return object{"users": w.groups[i].users}, nil
}

// SetGroup replaces the members of a user group, by names or ids.
func (w *Workspace) SetGroup(handle string, users ...string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids, err := w.resolve(users)
	if err != nil {
		return err
	}
	for _, g := range w.groups {
		if g.Handle == strings.TrimPrefix(handle, "@") {
			g.users = ids
			w.changes.changed()
			return nil
		}
	}
	return fail("no_such_subteam")
}

// DisableGroup switches a user group off, as its owner may, or on again.
func (w *Workspace) DisableGroup(handle string, off bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range w.groups {
		if g.Handle == strings.TrimPrefix(handle, "@") {
			g.Disabled = off
			w.changes.changed()
			return nil
		}
	}
	return fail("no_such_subteam")
}
