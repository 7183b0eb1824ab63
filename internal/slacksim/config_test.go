package slacksim_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/slacksim"
)

func TestMistakesInTheConfigurationAreNamed(t *testing.T) {
	for want, change := range map[string]func(*slacksim.Config){
		"two people are called ada":    func(c *slacksim.Config) { c.People = append(c.People, slacksim.Person{ID: "U1", Name: "ada"}) },
		"two people have the id U0ADA": func(c *slacksim.Config) { c.People = append(c.People, slacksim.Person{ID: "U0ADA", Name: "ada2"}) },
		`channel #x: nobody is called "zoe"`: func(c *slacksim.Config) {
			c.Channels = append(c.Channels, slacksim.Channel{Name: "x", Members: []string{"zoe"}})
		},
		"channel #general exists twice": func(c *slacksim.Config) { c.Channels = append(c.Channels, slacksim.Channel{Name: "general"}) },
		`group g: nobody is called "zoe"`: func(c *slacksim.Config) {
			c.Groups = append(c.Groups, slacksim.Group{Handle: "g", Users: []string{"zoe"}})
		},
		"RequestURL is not an absolute URL":   func(c *slacksim.Config) { c.RequestURL = "/slack" },
		"BotToken and AppToken are the same":  func(c *slacksim.Config) { c.BotToken, c.AppToken = "x", "x" },
		`action "More" needs an ID and a Run`: func(c *slacksim.Config) { c.Actions = []slacksim.Action{{Label: "More"}} },
	} {
		cfg := slacksim.DefaultConfig()
		change(&cfg)
		_, err := slacksim.New(cfg)
		require.ErrorContains(t, err, want)
	}
	w, err := slacksim.New(slacksim.Config{People: []slacksim.Person{{Name: "zoe"}}})
	require.NoError(t, err, "one's own people need none of the default channels")
	w.Close()
	require.Equal(t, "U0ZOE", w.UserID("zoe"))
	require.Empty(t, w.ChannelID("general"))
}
