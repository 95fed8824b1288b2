/* What pages of functions do in the browser: all of them work without it, less comfortably. */
(function () {
  'use strict';

  /* Fields that belong to a choice: data-faas-when="field=value,value". */
  function shown() {
    document.querySelectorAll('[data-faas-when]').forEach(function (group) {
      const parts = group.dataset.faasWhen.split('=');
      const choice = group.closest('form').elements[parts[0]];
      if (choice) {
        group.classList.toggle('faas-hidden', parts[1].split(',').indexOf(choice.value) < 0);
      }
    });
  }

  /* The example in the editor follows the runtime, as long as nobody has changed it. */
  function examples(area) {
    if (!area.dataset.faasRuntime) { return; }
    const runtime = area.form.elements[area.dataset.faasRuntime];
    const languages = {};
    area.dataset.faasLanguages.split(',').forEach(function (pair) {
      languages[pair.split('=')[0]] = pair.split('=')[1];
    });
    function follow() {
      const now = area.value.replace(/\r/g, '');
      if (now === area.dataset.faasPython || now === area.dataset.faasNodejs) {
        area.value = languages[runtime.value] === 'nodejs' ? area.dataset.faasNodejs : area.dataset.faasPython;
        area.dispatchEvent(new Event('input'));
      }
    }
    runtime.addEventListener('change', follow);
    follow();
  }

  function lineStart(text, at) { return text.lastIndexOf('\n', at - 1) + 1; }

  /* The tab key indents by four; with shift it takes that back. After Escape it leaves the field. */
  function keys(area) {
    let leave = false;
    area.addEventListener('keydown', function (event) {
      if (event.key === 'Escape') { leave = true; return; }
      if (event.key !== 'Tab' || leave || event.ctrlKey || event.altKey) { return; }
      event.preventDefault();
      const begin = area.selectionStart, start = lineStart(area.value, begin);
      if (event.shiftKey) {
        const spaces = /^ {1,4}/.exec(area.value.slice(start));
        if (spaces) { area.setRangeText('', start, start + spaces[0].length, 'preserve'); }
      } else {
        area.setRangeText(' '.repeat(4 - (begin - start) % 4), begin, area.selectionEnd, 'end');
      }
      area.dispatchEvent(new Event('input'));
    });
    area.addEventListener('blur', function () { leave = false; });
  }

  function editor(area) {
    const frame = document.createElement('div');
    const lines = document.createElement('div');
    frame.className = 'faas-editing';
    lines.className = 'faas-lines';
    lines.setAttribute('aria-hidden', 'true');
    area.parentNode.insertBefore(frame, area);
    frame.append(lines, area);
    function count() {
      let text = '';
      for (let n = 1; n <= area.value.split('\n').length; n++) { text += n + '\n'; }
      lines.textContent = text;
      scroll();
    }
    function scroll() {
      lines.style.height = area.offsetHeight + 'px';
      lines.scrollTop = area.scrollTop;
    }
    area.addEventListener('input', count);
    area.addEventListener('scroll', scroll);
    if (window.ResizeObserver) { new ResizeObserver(scroll).observe(area); }
    keys(area);
    examples(area);
    count();
  }

  /* A part that is not finished is fetched again until it is: data-faas-refresh="milliseconds". */
  function refresh() {
    const part = document.querySelector('[data-faas-refresh]');
    if (!part) { return; }
    window.setTimeout(function () {
      fetch(window.location.href, {credentials: 'same-origin'}).then(function (answer) { return answer.text(); })
        .then(function (text) {
          const fresh = new DOMParser().parseFromString(text, 'text/html').getElementById(part.id);
          if (fresh) { part.replaceWith(fresh); }
          refresh();
        }, refresh);
    }, Number(part.dataset.faasRefresh));
  }

  document.querySelectorAll('textarea.faas-editor').forEach(editor);
  if (document.querySelector('[data-faas-when]')) {
    document.addEventListener('change', shown);
    shown();
  }
  refresh();
}());
