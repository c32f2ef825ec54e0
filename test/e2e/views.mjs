// The main views of the pages, one after the other, as one person comes to them.

/** The chat, from the sign-in on, with the scene of scene.mjs; `look` is told what is on the screen. */
export async function tourOfTheChat(person, look) {
  const { page } = person;
  await person.press("Create account");
  await page.getByLabel("Name shown to others").waitFor();
  await look("registering");
  await person.press("Sign in");
  await look("signing in");
  await person.signIn();
  await person.row("Regatta").waitFor();
  await look("the list");
  for (const [button, heading] of [["Browse rooms", "Browse rooms"], ["Find people", "People"], ["Recent notifications", "Recent notifications"], ["Settings", "Settings"]]) {
    await person.press(button);
    await page.getByRole("dialog").getByRole("heading", { name: heading, exact: true }).waitFor();
    await look(heading.toLowerCase());
    await page.keyboard.press("Escape");
  }
  await person.open("Regatta");
  await person.message("Well done.").waitFor();
  await look("a room");
  await person.begin("See you at the start.");
  await person.press("Send later");
  await page.getByRole("dialog").getByRole("button", { name: /^Tomorrow morning/ }).waitFor();
  await look("sending later");
  await person.close();
  await person.begin("");
  for (const panel of ["Room details", "Pinned messages", "Search messages"]) {
    await person.press(panel);
    await page.getByRole("complementary").waitFor();
    await look(panel.toLowerCase());
    await person.close();
  }
  await person.message("The start is at 14:00.").getByRole("button", { name: "1 reply" }).click();
  await page.getByRole("complementary", { name: "Thread" }).getByText("Coffee is on me.").waitFor();
  await look("a thread");
  await person.close();
}

/** The administration, for the token of an administrator. */
export async function tourOfTheAdministration(person, token, look) {
  const { page } = person;
  await page.getByLabel("Login name").waitFor();
  await look("signing in");
  await person.press("Sign in with a token");
  await page.getByLabel("Token").fill(token);
  await look("signing in with a token");
  await person.press("Sign in");
  await page.getByTestId("tiles").waitFor();
  await look("the overview");
  for (const [tab, shown] of [["Connections", page.getByTestId("connection")], ["Rooms", page.getByTestId("room")], ["Usage", page.getByTestId("usage-unit")], ["Jobs", page.getByTestId("job-kind")], ["Webhooks", page.getByRole("button", { name: "Create a webhook" })], ["Blocked", page.getByRole("button", { name: "Block an address" })]]) {
    await page.getByRole("link", { name: tab, exact: true }).click();
    await shown.first().waitFor();
    await look(tab.toLowerCase());
  }
  await person.press("Block an address");
  await page.getByRole("dialog").waitFor();
  await look("blocking an address");
}
