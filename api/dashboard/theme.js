// SPDX-License-Identifier: Apache-2.0
// Puts the chosen colours on before the page is drawn. Not a module: those run too late for that.
(function () {
    'use strict';
    var theme = null;
    try {
        theme = localStorage.getItem('theme');
    } catch (error) {
        theme = null;
    }
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
}());
