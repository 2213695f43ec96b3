import en from "../../words/account/en.js";
import zhHant from "../../words/account/zh-Hant.js";
import { language } from "../../words/language.js";
import { PartsView } from "../parts-view.js";

language.add({ en, "zh-Hant": zhHant });

/** One's own account: who one is, how the page looks, and who may come in. */
export class AccountView extends PartsView {
  constructor(chat, options) {
    super(chat, {
      ...options,
      path: "/account",
      title: "account.yours",
      parts: [
        { name: "profile", title: "account.profile", icon: "user", load: () => import("./profile.js") },
        { name: "appearance", title: "account.appearance", icon: "moon", load: () => import("./appearance.js") },
        { name: "security", title: "account.security", icon: "key", needs: "auth.changePassword", load: () => import("./security.js") },
        { name: "sessions", title: "account.sessions", icon: "shield", needs: "auth.sessions", load: () => import("./sessions.js") },
        { name: "logins", title: "account.logins", icon: "list", needs: "auth.logins", load: () => import("./logins.js") },
        { name: "data", title: "account.data", icon: "download", load: () => import("./data.js") },
      ],
    });
  }
}
