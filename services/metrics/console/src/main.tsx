import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './style/base.css';
import './style/parts.css';
import './style/page.css';
import './style/shell.css';
import './style/now.css';
import './style/pages.css';
import './style/database.css';
import { Console } from './console.tsx';

render(<Console />, document.getElementById('console') as HTMLElement);
