import en from "../../words/admin/en.js";
import zhHant from "../../words/admin/zh-Hant.js";
import { language } from "../../words/language.js";
import { PartsView } from "../parts-view.js";
import { loadStyles } from "../styles.js";

language.add({ en, "zh-Hant": zhHant });

/** Where an admin looks rather than reads. */
export class AdminView extends PartsView {
  constructor(chat, options) {
    super(chat, {
      ...options,
      path: "/admin",
      title: "admin.title",
      parts: [
        { name: "health", title: "admin.health", icon: "check", load: () => import("./health.js") },
        { name: "statistics", title: "admin.statistics", icon: "chart", needs: "history.stats", load: () => import("./statistics.js") },
        { name: "guardian", title: "admin.guardian", icon: "database", load: () => import("./guardian.js") },
        { name: "findings", title: "admin.findings", icon: "alert", load: () => import("./findings.js") },
        { name: "users", title: "admin.users", icon: "people", needs: "admin.users", load: () => import("./users.js") },
        { name: "logins", title: "admin.logins", icon: "list", needs: "admin.logins", load: () => import("./all-logins.js") },
        { name: "actions", title: "admin.actions", icon: "shield", needs: "admin.actions", load: () => import("./actions.js") },
      ],
    });
  }

  async shown() {
    await loadStyles("/styles/admin.css");
    await super.shown();
  }
}
