import en from "../words/dialogs/en.js";
import zhHant from "../words/dialogs/zh-Hant.js";
import { language } from "../words/language.js";

language.add({ en, "zh-Hant": zhHant });
