// SPDX-License-Identifier: Apache-2.0
// The libraries, under one roof: elements by templates, and hooks.
import htm from './htm.js';
import { createContext, h } from './preact.js';

export { render } from './preact.js';
export { useContext, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from './hooks.js';

export const html = htm.bind(h);
// {api, live, rights, notify, showTask}
export const AppContext = createContext(null);
